// Processor time by part, from /proc: the parts of a stack with all processes below them, and this process, which makes
// the load. Other systems than Linux have none: nothing is told there.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { Stack } from '@inorder/testing/stack.ts'

/** Microseconds by part. */
export type ProcessorTime = ReadonlyMap<string, number>

const usPerTick = 10_000

/** What the parts, the starter and this process have used so far, with what their ended children had. */
export function processorTime(stack: Pick<Stack, 'parts' | 'starter'>): ProcessorTime {
  if (!existsSync('/proc/self/stat')) return new Map()
  const parts = new Map(stack.parts().map(({ name, pid }) => [pid, name]))
  parts.set(stack.starter.pid!, 'starter')
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
  const times = new Map([['load', processes.get(process.pid)!.ownTicks * usPerTick]])
  for (const [pid, { ticks }] of processes) {
    let at: number | undefined = pid
    while (at && !parts.has(at)) at = processes.get(at)?.parent
    const part = at && parts.get(at)
    if (part) times.set(part, (times.get(part) ?? 0) + ticks * usPerTick)
  }
  return times
}

/** `357 µs an order: cart 180, cart-db 98, ...`, the dearest first. */
export function perOrder(before: ProcessorTime, after: ProcessorTime, orders: number): string {
  const parts = [...after]
    .map(([name, time]) => ({ name, us: (time - (before.get(name) ?? 0)) / orders }))
    .filter(({ us }) => us >= 0.5)
    .sort((a, b) => b.us - a.us)
  if (parts.length === 0) return 'processor time not known'
  const all = parts.reduce((sum, { us }) => sum + us, 0)
  return `${Math.round(all)} µs an order: ${parts.map(({ name, us }) => `${name} ${Math.round(us)}`).join(', ')}`
}
