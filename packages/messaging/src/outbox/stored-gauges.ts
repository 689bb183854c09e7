// Figures that are read from the database at a scrape: one bounded statement for each list of gauges, kept for a few seconds,
// never under way twice. Every instance reports them alike, so a dashboard takes `max by (service)` of them. Where the
// database does not answer in time they are left out, and everything else is answered.
//
// A new one is an entry of its owner's list (outbox/metrics.ts, inbox/metrics.ts, effects/metrics.ts); what has a table of its
// own, such as pauses and jobs, calls `storedGauges` with a list of its own.
import { Gauge, type Registry } from 'prom-client'
import { within } from '../kafka/deadline.ts'

interface StoredGauge<Figures> {
  name: string
  help: string
  /** Without labels a number, else one for each set of labels. */
  of(figures: Figures): number | readonly { labels: Readonly<Record<string, string>>; value: number }[]
  labelNames?: string[]
}

const keptMs = 3_000
const deadlineMs = 1_000

/** Gives what the gauges show, for others who want to know; undefined: the database does not say. */
export function storedGauges<Figures>(
  registry: Registry,
  read: () => Promise<Figures>,
  gauges: readonly StoredGauge<Figures>[],
): () => Promise<Figures | undefined> {
  const figures = kept(read)
  for (const { name, help, of, labelNames = [] } of gauges)
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        const known = await figures()
        const value = known === undefined ? [] : of(known)
        if (typeof value === 'number') return this.set(value)
        // Without labels `reset` would make it 0, which is a figure too.
        if (labelNames.length > 0) this.reset()
        else this.remove()
        for (const one of value) this.set(one.labels, one.value)
      },
    })
  return figures
}

function kept<T>(read: () => Promise<T>): () => Promise<T | undefined> {
  let last: { value: T; at: number } | undefined
  let reading: Promise<void> | undefined
  const isFresh = () => last !== undefined && performance.now() - last.at < keptMs
  const take = (value: T) => {
    last = { value, at: performance.now() }
  }
  return async () => {
    if (!isFresh()) {
      // What fails is asked again at the next scrape.
      reading ??= Promise.try(read)
        .then(take, () => {})
        .finally(() => {
          reading = undefined
        })
      await within(deadlineMs, 'reading figures', reading).catch(() => {})
    }
    return isFresh() ? last?.value : undefined
  }
}
