// docs/protocol.md is the one place of the rules and the invariants: nothing cites one that is not there, each rule has a
// test that is named after it, and the page names only tests that exist.

export interface SourceFile {
  /** From the root of the repository. */
  path: string
  text: string
}

const page = 'docs/protocol.md'
const heading = /^## (I?\d+)\. /gm
const guard = /^- `([^`]+)`: (.+)$/gm

const numbers = String.raw`(\d+(?:(?:, | and | or | to )\d+)*)`
const rules = new RegExp(String.raw`\b[Rr]ules? ${numbers}\b`, 'g')
const invariants = /\bI\d+\b/g
const testNamedAfter = new RegExp(String.raw`\b(?:test|suite|describe)\(\s*['"\`]rules? ${numbers}: `, 'g')
const isTest = /\.(unit|int|e2e)\.ts$/

/** Everything that is wrong, a line each; none: it holds. `files` are those that may cite, the tests among them. */
export function protocolErrors(text: string, files: readonly SourceFile[]): string[] {
  const headings = [...text.matchAll(heading)]
  const sections = new Map(headings.map(({ 1: name, index }, i) => [name!, text.slice(index, headings[i + 1]?.index)]))
  const errors = files.flatMap((file) =>
    [...new Set(citedIn(file.text))]
      .filter((name) => !sections.has(name))
      .map((name) => `${file.path} cites ${titleOf(name)}, which ${page} does not have`),
  )
  const tests = files.filter(({ path }) => isTest.test(path))
  const tested = new Set(tests.flatMap((file) => numbersIn(file.text, testNamedAfter)))
  for (const [name, body] of sections) {
    if (!name.startsWith('I') && !tested.has(name))
      errors.push(`no test is named after rule ${name}: test('rule ${name}: ...')`)
    const guards = [...body.matchAll(guard)]
    if (guards.length === 0) errors.push(`${page} names no test of ${titleOf(name)}`)
    for (const [, path, title] of guards)
      if (!tests.some((file) => file.path === path && file.text.includes(title!)))
        errors.push(`${page} names a test of ${titleOf(name)} that does not exist: ${path}: ${title}`)
  }
  return errors
}

const titleOf = (name: string) => (name.startsWith('I') ? `invariant ${name}` : `rule ${name}`)

/** A comment may break its line amid a citation. */
const citedIn = (text: string): string[] => {
  const unbroken = text.replaceAll(/\s*\n\s*(?:\/\/|\*|--|#)?\s*/g, ' ')
  return [...numbersIn(unbroken, rules), ...(unbroken.match(invariants) ?? [])]
}

/** `15 to 17 and 21` are four. */
const numbersIn = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].flatMap(([, list]) =>
    list!.split(/, | and | or /).flatMap((one) => {
      const [from, to = from] = one.split(' to ').map(Number)
      return Array.from({ length: to! - from! + 1 }, (_, i) => String(from! + i))
    }),
  )
