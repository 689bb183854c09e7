import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { storedGauges } from '../outbox/stored-gauges.ts'
import { EndToEnd } from './end-to-end.ts'
import type { PartitionLag } from './lag.ts'
import { mostRows, type ParkedFigures } from './parked-figures.ts'

export type InboxMetrics = ReturnType<typeof inboxMetrics>

/** What is asked at each scrape. */
interface Sources {
  /** Of the partitions of this instance. */
  lag(): readonly PartitionLag[]
  /** How many partitions have been retried for 15 s. */
  stalled(): number
  parked(): Promise<ParkedFigures>
}

export function inboxMetrics(registry: Registry, { lag, stalled, parked }: Sources) {
  const registers = [registry]
  const counter = (name: string, help: string) => new Counter({ name, help, registers })
  const lagGauge = (name: string, of: 'events' | 'seconds', help: string) =>
    new Gauge({
      name,
      help,
      labelNames: ['partition'],
      registers,
      collect() {
        this.reset()
        for (const { partition, [of]: value } of lag()) if (value !== undefined) this.set({ partition }, value)
      },
    })
  lagGauge(
    'inorder_inbox_lag_events',
    'events',
    'Records of a partition of this instance that are not applied yet; none while that is not known',
  )
  lagGauge(
    'inorder_inbox_lag_seconds',
    'seconds',
    'Time since the first of them was written to Kafka, 0 if none; none while that is not known',
  )
  new Gauge({
    name: 'inorder_inbox_stalled_partitions',
    help: 'Partitions of this instance whose batch has been tried again for 15 s',
    registers,
    collect() {
      this.set(stalled())
    },
  })
  storedGauges(registry, parked, [
    {
      name: 'inorder_inbox_parked_keys',
      help: `Keys that something parked holds up, by cause; of a cause ${mostRows} records are looked at`,
      labelNames: ['cause'],
      of: ({ keys }) => keys.map(({ cause, keys }) => ({ labels: { cause }, value: keys })),
    },
    {
      name: 'inorder_inbox_parked_oldest_seconds',
      help: 'Time since the oldest of what holds a key up was parked, 0 if none',
      of: ({ oldest }) => oldest,
    },
  ])
  return {
    applied: counter('inorder_inbox_applied_total', 'Events applied'),
    duplicates: counter('inorder_inbox_duplicates_total', 'Events dropped because they were applied or parked already'),
    healed: counter('inorder_inbox_healed_total', 'Events that waited for a missing version and are applied now'),
    redriven: counter('inorder_inbox_redriven_total', 'Parked events applied by a redrive, or after a discard'),
    discarded: counter('inorder_inbox_discarded_total', 'Parked records discarded by an operator'),
    stopped: new Gauge({
      name: 'inorder_inbox_stopped_partitions',
      help: 'Partitions of this instance that stand still, because records that were not applied are gone from the log',
      registers,
    }),
    openTransaction: new Gauge({
      name: 'inorder_inbox_open_transaction_seconds',
      help: 'For how long an open transaction of another producer has held up reading a partition',
      labelNames: ['partition'],
      registers,
    }),
    retries: counter('inorder_inbox_retries_total', 'Batches tried again'),
    parked: new Counter({
      name: 'inorder_inbox_parked_total',
      help: 'Records parked',
      labelNames: ['cause'],
      registers,
    }),
    endToEnd: new EndToEnd(registry),
    batchSize: new Histogram({
      name: 'inorder_inbox_batch_events',
      help: 'Records of a batch',
      buckets: [1, 3, 10, 30, 100, 300, 1000],
      registers,
    }),
    batchSeconds: new Histogram({
      name: 'inorder_inbox_batch_seconds',
      help: 'Time of a batch transaction',
      buckets: [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
      registers,
    }),
  }
}
