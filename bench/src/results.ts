// The results of `npm run bench` as JSON: what a bench wrote, for the charts and for docs/performance.md.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

/** What one side did in one round. */
export interface Round {
  /** In the side's unit. */
  value: number
  /** Microseconds of processor time an order (or event, or effect), by part: cart, postgres, kafka, generator, ... Empty: not known. */
  cpuMicrosecondsPerOrder: Record<string, number>
  /** Milliseconds. */
  p50?: number
  p99?: number
  /** Of the machine's processor time the share, 0 to 1, that processes took which are not the bench's, and the hypervisor. */
  stolenShare?: number
}

export interface Side {
  name: string
  /** `orders/s`, `events/s`, `ms`, ... */
  unit: string
  rounds: Round[]
}

/** The first side's value by the second's: one for each round, as both ran in turns. */
export interface Ratio {
  rounds: number[]
  median: number
  min: number
  max: number
}

/** What the first side is to reach: the ratio, its median value, or the median of its processor time, all of it or a part's. */
export interface Aim {
  of: 'ratio' | 'value' | 'cpu' | `cpu.${string}`
  atLeast?: number
  atMost?: number
  /** What it was before the work on speed. */
  before?: number
}

export interface BenchResult {
  /** `B1-64`: B and the number of the comparison, and which of its cases. */
  id: string
  title: string
  /** When it was measured, and of which commit (`-changed`: with what was not committed). */
  date: string
  commit: string
  /** Of a round of one side. */
  seconds: number
  sides: [Side, Side]
  ratio: Ratio
  aims: Aim[]
}

export interface Results {
  /** `2 x AMD EPYC, 24 GB, Linux 6.1, Node v24.21.0` */
  machine: string
  /** Of the last bench that was written. */
  date: string
  commit: string
  rounds: number
  benches: BenchResult[]
}

export function readResults(file: string): Results | undefined {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

/** Adds a bench, or puts it in the place of what stands there under its id: a run that is cut keeps what it has. */
export function writeResult(file: string, machine: string, result: BenchResult): void {
  const others = (readResults(file)?.benches ?? []).filter(({ id }) => id !== result.id)
  const benches = [...others, result].sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }))
  const { date, commit } = result
  const results: Results = { machine, date, commit, rounds: result.ratio.rounds.length, benches }
  writeFileSync(`${file}.new`, `${JSON.stringify(results, null, 2)}\n`)
  renameSync(`${file}.new`, file)
}
