// Requests at a rate, or as fast as clients get them answered. At a rate each is due at its time, and its latency counts from
// then however late it was sent: clients that wait for a slow service would leave out just what is slow (coordinated omission).
import { createHistogram } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'

/** Sends the nth request; resolves with its status, 0 where there was no answer. */
export type Send = (n: number) => Promise<number>

export interface Size {
  /** Requests a second; without it each client sends its next one when the last is answered. */
  rate?: number | undefined
  seconds: number
  /** Requests under way at most. */
  clients: number
  /** So many requests, instead of what the seconds hold. */
  amount?: number | undefined
}

export interface Summary {
  seconds: number
  sent: number
  /** They were due, and no client was free before the end; they count in the latencies with the time until then. */
  notSent: number
  /** By status; 0: no answer. */
  answers: Record<string, number>
  perSecond: number
  /** Milliseconds. */
  latency: { p50: number; p90: number; p99: number; p999: number; max: number }
}

export interface Progress {
  /** Of the whole, 0..1. */
  share: number
  sent: number
  seconds: number
}

export async function runLoad(
  send: Send,
  { rate, seconds, clients, amount = Number.POSITIVE_INFINITY }: Size,
  signal: AbortSignal,
  progress: (progress: Progress) => void = () => {},
): Promise<Summary> {
  const histogram = createHistogram()
  const answers: Record<string, number> = {}
  const begun = performance.now()
  const elapsed = () => performance.now() - begun
  const end = seconds * 1_000
  const dueAt = (n: number) => (rate === undefined ? elapsed() : (n * 1_000) / rate)
  const record = (ms: number) => histogram.record(Math.max(1, Math.round(ms * 1_000)))
  let next = 0
  let sent = 0

  async function client(): Promise<void> {
    while (next < amount && !signal.aborted && elapsed() < end) {
      const n = next++
      const due = dueAt(n)
      if (due >= end) return
      const early = due - elapsed()
      if (early > 0) await pause(early, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      sent++
      const status = await send(n)
      record(elapsed() - due)
      answers[status] = (answers[status] ?? 0) + 1
    }
  }

  const told = setInterval(() => {
    const share = amount === Number.POSITIVE_INFINITY ? elapsed() / end : sent / amount
    progress({ share: Math.min(share, 1), sent, seconds: elapsed() / 1_000 })
  }, 250)
  await Promise.all(Array.from({ length: clients }, client)).finally(() => clearInterval(told))
  const took = elapsed()
  const late = rate === undefined || signal.aborted ? 0 : Math.max(0, Math.ceil((end * rate) / 1_000) - next)
  for (let n = next; n < next + late; n++) record(took - dueAt(n))
  const ms = (percentile: number) => histogram.percentile(percentile) / 1_000
  return {
    seconds: took / 1_000,
    sent,
    notSent: late,
    answers,
    perSecond: (sent * 1_000) / took,
    latency: { p50: ms(50), p90: ms(90), p99: ms(99), p999: ms(99.9), max: sent > 0 ? histogram.max / 1_000 : 0 },
  }
}
