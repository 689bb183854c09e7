// One comparison of two sides, and how it is run: both are warmed, then measured in turns, and the ratio is that of pairs.
// A machine that drifts slows both sides of a pair, so the ratio holds where figures do not.
import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import type { Bed } from './bed.ts'
import { told } from './processor-time.ts'
import { ratioOf } from './ratio.ts'
import type { Aim, BenchResult, Round, Side } from './results.ts'

export interface Turn {
  /** Unlike that of any other turn of the run, for ids. */
  label: string
  seconds: number
}

export interface BenchSide {
  name: string
  unit: string
  run(turn: Turn): Promise<Round>
}

export interface Bench {
  id: string
  title: string
  aims: Aim[]
  /** The stacks that it needs, each as INORDER_SERVICES names its services; `all` is all of them. Two at most. */
  stacks: string[]
  /** Seconds of each side before the first round; default: those of the run. */
  warm?: number
  /** Starts what it needs besides. The processes that it started on the bed are ended for it. */
  open(bed: Bed): Promise<{ sides: [BenchSide, BenchSide]; close?(): Promise<void> }>
}

export interface Size {
  rounds: number
  seconds: number
  warm: number
}

export async function measure(bench: Bench, bed: Bed, { rounds, seconds, warm }: Size): Promise<BenchResult> {
  console.log(`${new Date().toTimeString().slice(0, 8)} ${bench.id}: ${bench.title}`)
  await bed.prepare(bench.stacks)
  const { sides: runs, close } = await bench.open(bed)
  try {
    const label = (round: number | string, n: number) => `${bench.id.toLowerCase()}-${round}-${n}-${Date.now()}`
    for (const [n, side] of runs.entries()) await side.run({ label: label('warm', n), seconds: bench.warm ?? warm })
    const sides = runs.map(({ name, unit }): Side => ({ name, unit, rounds: [] })) as [Side, Side]
    for (let round = 1; round <= rounds; round++) {
      for (const n of round % 2 ? [0, 1] : [1, 0]) {
        const done = await runs[n]!.run({ label: label(round, n), seconds })
        sides[n]!.rounds.push(done)
        console.log(line(sides[n]!, done))
      }
    }
    if (sides[1].rounds.some(({ value }) => !(value > 0))) throw new Error(`${sides[1].name} came to nothing`)
    const ratio = ratioOf(sides[0].rounds, sides[1].rounds)
    const { id, title, aims } = bench
    console.log(
      `  ${sides[0].name} / ${sides[1].name}: ${[ratio.median, ratio.min, ratio.max].map(short).join(', ')} (median, min, max)`,
    )
    return { id, title, date: new Date().toISOString(), commit: commit(), seconds, sides, ratio, aims }
  } finally {
    await close?.()
    await bed.endChildren()
  }
}

const short = (n: number) => Number(n.toPrecision(3)).toString()

function line({ name, unit }: Side, round: Round): string {
  const value = (round.value >= 100 ? Math.round(round.value) : Number(short(round.value))).toLocaleString('en')
  const times =
    round.p99 === undefined ? '' : `   p50 ${short(round.p50 ?? Number.NaN)} ms   p99 ${short(round.p99)} ms`
  const others = round.stolenShare === undefined ? '' : `   others ${Math.round(round.stolenShare * 100)} %`
  return `  ${name.padEnd(24)} ${value.padStart(8)} ${unit}${times}${others}\n    ${told(round.cpuMicrosecondsPerOrder)}`
}

function commit(): string {
  const cwd = join(import.meta.dirname, '../..')
  try {
    return execFileSync('git', ['describe', '--always', '--dirty=-changed'], { cwd, encoding: 'utf8' }).trim()
  } catch {
    return 'unknown'
  }
}

/** `2 x AMD EPYC, 24 GB, Linux 6.1, Node v24.21.0` */
export function machine(): string {
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  return `${availableParallelism()} x ${cpus()[0]?.model.trim()}, ${gigabytes} GB, ${type()} ${release()}, Node ${process.version}`
}
