// JSON.parse takes a number of any length for the nearest double. Here those that would lose a digit are found in the text,
// in one pass: asking JSON.parse for each number's source took 300 ms for 255 kB of small numbers.

/** What a double may not hold as written: more than 15 digits, or an exponent beyond its range (1e-400 would be 0). */
const mayLoseDigits = /\d[\d.]{15,}(?:[eE][+-]?\d+)?|\d[\d.]*[eE]-\d{3,}/g
/** Most bodies have no such thing, not even in an id. */
const anyThat = /\d[\d.]{15}|\d[eE]-\d{3}/
/** JSON.parse makes Infinity of it, which no schema takes: so its field is named along with all other bad ones. */
const beyondAll = '1e999'
const zero = 0x30

/** The text with `1e999` in the place of each number that a double does not hold; it must be valid JSON. */
export function withoutInexact(text: string): string {
  if (!anyThat.test(text)) return text
  let exact = ''
  let copied = 0
  for (let start = 0; start < text.length; ) {
    const quote = text.indexOf('"', start)
    const end = quote < 0 ? text.length : quote
    for (const { 0: number, index } of text.slice(start, end).matchAll(mayLoseDigits)) {
      if (isExact(number)) continue
      exact += text.slice(copied, start + index) + beyondAll
      copied = start + index + number.length
    }
    start = quote < 0 ? end : endOfText(text, quote) + 1
  }
  return exact + text.slice(copied)
}

/** Where the quoted text ends that begins at `quote`. */
export function endOfText(text: string, quote: number): number {
  let end = text.indexOf('"', quote + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

const backslash = 0x5c

function isEscaped(text: string, at: number): boolean {
  let before = at - 1
  while (text.charCodeAt(before) === backslash) before--
  return (at - before) % 2 === 0
}

function isExact(number: string): boolean {
  const value = Number(number)
  return Number.isFinite(value) && decimalOf(number) === decimalOf(String(value))
}

/** One way of writing a decimal: its digits without zeros at either end, and the power of ten of the last one. */
function decimalOf(number: string): string {
  const [mantissa = '', exponent = '0'] = number.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const digits = whole + fraction
  let from = 0
  while (digits.charCodeAt(from) === zero) from++
  let to = digits.length
  while (to > from && digits.charCodeAt(to - 1) === zero) to--
  const power = Number(exponent) - fraction.length + digits.length - to
  return from === to ? '0' : `${digits.slice(from, to)}e${power}`
}
