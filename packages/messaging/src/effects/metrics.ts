import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { storedGauges } from '../outbox/stored-gauges.ts'
import { mostRows, type StoredEffects } from './store.ts'

export type EffectMetrics = ReturnType<typeof effectMetrics>

export function effectMetrics(
  registry: Registry,
  { running, stored }: { running(): number; stored(): Promise<StoredEffects> },
) {
  const registers = [registry]
  const upTo = `of ${mostRows} that are looked at`
  storedGauges(registry, stored, [
    {
      name: 'inorder_effects_waiting',
      help: `Effects that are stored and not done, ${upTo}`,
      of: ({ waiting }) => waiting,
    },
    {
      name: 'inorder_effects_due',
      help: `Effects that could be performed now, also while their kind is paused, ${upTo}`,
      of: ({ due }) => due,
    },
    {
      name: 'inorder_effects_failing',
      help: `Effects that fail and are tried again, but for kinds that are paused, ${upTo}`,
      of: ({ failing }) => failing,
    },
    {
      name: 'inorder_effects_parked',
      help: `Effects that are tried no more and hold their keys up until an operator looks, ${upTo}`,
      of: ({ parked }) => parked,
    },
    {
      name: 'inorder_effects_oldest_seconds',
      help: `Age of the oldest effect that is due, running or failing, but for kinds that are paused, 0 if none, ${upTo}`,
      of: ({ oldest }) => oldest,
    },
  ])
  new Gauge({
    name: 'inorder_effects_running',
    help: 'Effects that this instance is performing',
    registers,
    collect() {
      this.set(running())
    },
  })
  return {
    attempts: new Counter({
      name: 'inorder_effects_attempts_total',
      help: 'Attempts by what came of them: done, again (to be tried again), parked, late (another had it by then)',
      labelNames: ['kind', 'outcome'],
      registers,
    }),
    seconds: new Histogram({
      name: 'inorder_effects_attempt_seconds',
      help: 'Time of an attempt, until its result is stored',
      labelNames: ['kind'],
      buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
      registers,
    }),
  }
}
