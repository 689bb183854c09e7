import type { Ratio, Round } from './results.ts'

/** Of an even number of values the upper one of the two in the middle. */
export const median = (values: readonly number[]): number => percentile(values, 0.5)

/** The smallest value that at least this share (0 to 1) of all values does not exceed, but of 2n values the (n+1)th is 0.5. */
export const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN

/** The first side's values by the second's, round by round. */
export function ratioOf(first: readonly Pick<Round, 'value'>[], second: readonly Pick<Round, 'value'>[]): Ratio {
  const rounds = first.map(({ value }, n) => value / second[n]!.value)
  return { rounds, median: median(rounds), min: Math.min(...rounds), max: Math.max(...rounds) }
}
