import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

export type InboxMetrics = ReturnType<typeof inboxMetrics>

/** `lag` is asked at each scrape: per partition, null where Kafka did not answer; a database that is away leaves it out. */
export function inboxMetrics(
  registry: Registry,
  lag: () => Promise<{ partition: number; lag: number | null }[]>,
  stalled: () => number,
) {
  const registers = [registry]
  const counter = (name: string, help: string) => new Counter({ name, help, registers })
  new Gauge({
    name: 'inbox_lag',
    help: 'Records of a partition that are not applied yet',
    labelNames: ['partition'],
    registers,
    async collect() {
      this.reset()
      for (const row of await lag().catch(() => []))
        if (row.lag !== null) this.set({ partition: row.partition }, row.lag)
    },
  })
  new Gauge({
    name: 'inbox_stalled_partitions',
    help: 'Partitions of this instance whose batch has been tried again for 15 s',
    registers,
    collect() {
      this.set(stalled())
    },
  })
  return {
    applied: counter('inbox_applied_total', 'Events applied'),
    duplicates: counter('inbox_duplicates_total', 'Events dropped because they were applied or parked already'),
    healed: counter('inbox_healed_total', 'Events that waited for a missing version and are applied now'),
    redriven: counter('inbox_redriven_total', 'Parked events applied by a redrive, or after a discard'),
    discarded: counter('inbox_discarded_total', 'Parked records discarded by an operator'),
    stopped: new Gauge({
      name: 'inbox_stopped_partitions',
      help: 'Partitions of this instance that stand still, because records that were not applied are gone from the log',
      registers,
    }),
    openTransaction: new Gauge({
      name: 'inbox_open_transaction_seconds',
      help: 'For how long an open transaction of another producer has held up reading a partition',
      labelNames: ['partition'],
      registers,
    }),
    retries: counter('inbox_retries_total', 'Batches tried again'),
    parked: new Counter({ name: 'inbox_parked_total', help: 'Records parked', labelNames: ['cause'], registers }),
    batchSize: new Histogram({
      name: 'inbox_batch_events',
      help: 'Records of a batch',
      buckets: [1, 3, 10, 30, 100, 300, 1000],
      registers,
    }),
    batchSeconds: new Histogram({
      name: 'inbox_batch_seconds',
      help: 'Time of a batch transaction',
      buckets: [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
      registers,
    }),
  }
}
