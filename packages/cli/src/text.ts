// How things are shown in a terminal: foreign text without control characters, times, tables, commands to paste.

/** Control characters, those that turn the direction of writing, and others that nobody sees, as \u{1b}. */
export const shown = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`)

export function age(ms: number): string {
  const seconds = Math.max(ms, 0) / 1_000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 120) return `${Math.floor(seconds)} s`
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`
  return `${Math.floor(seconds / 86_400)} days`
}

export const utc = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').replace('Z', ' UTC')

/** `2026-11-23 14:20:19.412 UTC (3 min ago)`; `-` for a time that is not there. */
export function when(time: string | null | undefined, now: number): string {
  const at = Date.parse(time ?? '')
  if (Number.isNaN(at)) return time ? shown(time) : '-'
  return `${utc(at)} (${age(now - at)} ago)`
}

export type Cell = string | number | null | undefined

/** Aligned columns, a row a line; numbers to the right. What a cell holds may be foreign. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  const texts = rows.map((row) => row.map((cell) => shown(String(cell ?? '-'))))
  const widths = head.map((title, n) => Math.max(title.length, ...texts.map((row) => row[n]?.length ?? 0)))
  const isNumber = head.map((_, n) => rows.length > 0 && rows.every((row) => typeof (row[n] ?? 0) === 'number'))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, n) => (isNumber[n] ? cell.padStart(widths[n]!) : cell.padEnd(widths[n]!)))
      .join('  ')
      .trimEnd()
  return [line(head), ...texts.map(line)]
}

/** `name  value`, aligned, a line each. */
export function pairs(values: readonly (readonly [string, Cell])[]): string[] {
  const width = Math.max(...values.map(([name]) => name.length))
  return values.map(([name, value]) => `${name.padEnd(width)}  ${shown(String(value ?? '-'))}`)
}

export const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`

/** A command to paste, after the word that has `inorder` found. One with characters that nobody sees cannot be shown so. */
export const pasteable = (command: string, before = ''): string =>
  shown(command) === command ? before + command : `${shown(command)}   (cannot be pasted: --json has it as it is)`
