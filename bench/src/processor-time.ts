// Processor time by part, from /proc: of each part with all processes below it, and of this process, which makes the load.
// Other systems than Linux have none: nothing is told there.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { Stack } from '@inorder/testing/stack.ts'

/** Microseconds by part. */
export type ProcessorTime = ReadonlyMap<string, number>

export interface Process {
  name: string
  pid: number
}

const usPerTick = 10_000

export const partsOf = (stack: Pick<Stack, 'parts' | 'starter'>): Process[] => [
  ...stack.parts(),
  { name: 'starter', pid: stack.starter.pid! },
]

/** What the parts and this process (`generator`) have used so far, with what their ended children had. */
export function processorTime(parts: readonly Process[]): ProcessorTime {
  if (!existsSync('/proc/self/stat')) return new Map()
  const names = new Map(parts.map(({ name, pid }) => [pid, name]))
  const processes = new Map<number, { parent: number; ticks: number; ownTicks: number }>()
  for (const pid of readdirSync('/proc').map(Number).filter(Boolean)) {
    try {
      // What stands behind the name, which is in brackets and may contain anything: state, parent, ...
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')
        .map(Number)
      const ownTicks = fields[11]! + fields[12]!
      processes.set(pid, { parent: fields[1]!, ownTicks, ticks: ownTicks + fields[13]! + fields[14]! })
    } catch {
      // It has ended meanwhile.
    }
  }
  const times = new Map([['generator', processes.get(process.pid)!.ownTicks * usPerTick]])
  for (const [pid, { ticks }] of processes) {
    let at: number | undefined = pid
    while (at && !names.has(at)) at = processes.get(at)?.parent
    const part = at && names.get(at)
    if (part) times.set(part, (times.get(part) ?? 0) + ticks * usPerTick)
  }
  return times
}

export interface MachineTime {
  /** Microseconds of all cores since the machine's start. */
  all: number
  /** Of these: neither idle nor waiting for a disk. What the hypervisor gave to others counts. */
  taken: number
}

export function machineTime(): MachineTime {
  if (!existsSync('/proc/stat')) return { all: performance.now() * 1_000 * availableParallelism(), taken: Number.NaN }
  // user nice system idle iowait irq softirq steal; what follows is in user and nice already.
  const ticks = /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))![1]!.split(' ').slice(0, 8).map(Number)
  const all = ticks.reduce((sum, n) => sum + n, 0)
  return { all: all * usPerTick, taken: (all - ticks[3]! - ticks[4]!) * usPerTick }
}

/** Microseconds an order by part, the dearest first; of none nothing. */
export function perOrder(before: ProcessorTime, after: ProcessorTime, orders: number): Record<string, number> {
  if (orders <= 0) return {}
  const parts = [...after].map(([name, time]) => [name, (time - (before.get(name) ?? 0)) / orders] as const)
  return Object.fromEntries(parts.filter(([, us]) => us >= 0.05).sort(([, a], [, b]) => b - a))
}

/** `357 µs an order: cart 180, postgres 98, ...` */
export function told(cpu: Record<string, number>): string {
  const parts = Object.entries(cpu).filter(([, us]) => us >= 0.5)
  if (parts.length === 0) return 'processor time not known'
  const all = parts.reduce((sum, [, us]) => sum + us, 0)
  return `${Math.round(all)} µs an order: ${parts.map(([name, us]) => `${name} ${Math.round(us)}`).join(', ')}`
}
