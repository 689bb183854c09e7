import type { Answer } from './open-loop.ts'
import { percentile } from './ratio.ts'
import type { Round } from './results.ts'

export interface Goodput {
  /** Good answers a second: 201, within the patience of who asked; their times are from when they were due. */
  figures: Pick<Round, 'value' | 'p50' | 'p99'>
  /** Of what was due in the window, the share of 503, and of the rest that was not good. */
  refused: number
  late: number
}

/**
 * What came of it from `from` to `to` (ms). Only answers that were there by `to` count: what is worked off after the last
 * arrival is no goodput under load.
 */
export function goodput(answers: readonly Answer[], from: number, to: number, patience: number): Goodput {
  const isGood = ({ due, at, status }: Answer) => status === 201 && at - due <= patience
  const good = answers.filter((answer) => isGood(answer) && answer.at >= from && answer.at < to)
  const due = answers.filter((answer) => answer.due >= from && answer.due < to)
  const refused = due.filter(({ status }) => status === 503).length
  const late = due.filter((answer) => answer.status !== 503 && !isGood(answer)).length
  const times = good.map((answer) => answer.at - answer.due)
  const p50 = percentile(times, 0.5)
  const p99 = percentile(times, 0.99)
  return {
    figures: { value: (good.length * 1_000) / (to - from), ...(times.length > 0 && { p50, p99 }) },
    refused: refused / (due.length || 1),
    late: late / (due.length || 1),
  }
}
