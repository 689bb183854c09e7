import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

export type EffectMetrics = ReturnType<typeof effectMetrics>

/** What is stored is counted at each scrape; a database that is away leaves the figures out. */
export function effectMetrics(
  registry: Registry,
  { running, stored }: { running(): number; stored(): Promise<Record<'waiting' | 'failing' | 'parked', number>> },
) {
  const registers = [registry]
  const counted = (name: 'waiting' | 'failing' | 'parked', help: string) =>
    new Gauge({
      name: `effects_${name}`,
      help,
      registers,
      async collect() {
        const counts = await stored().catch(() => undefined)
        if (counts) this.set(counts[name])
        else this.remove()
      },
    })
  counted('waiting', 'Effects that are stored and not done, counted up to 100,000')
  counted('failing', 'Effects that fail and are tried again')
  counted('parked', 'Effects that are tried no more and hold their keys up, until an operator looks')
  new Gauge({
    name: 'effects_running',
    help: 'Effects that this instance is performing',
    registers,
    collect() {
      this.set(running())
    },
  })
  return {
    attempts: new Counter({
      name: 'effects_attempts_total',
      help: 'Attempts by what came of them: done, again (to be tried again), parked, late (another had it by then)',
      labelNames: ['kind', 'outcome'],
      registers,
    }),
    seconds: new Histogram({
      name: 'effects_seconds',
      help: 'Time of an attempt, until its result is stored',
      labelNames: ['kind'],
      buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
      registers,
    }),
  }
}
