import { Counter, Gauge, type Registry } from 'prom-client'
import { mostCounted, type Waiting } from './store.ts'
import { storedGauges } from './stored-gauges.ts'

export type OutboxMetrics = ReturnType<typeof outboxMetrics>

export function outboxMetrics(registry: Registry, read: () => Promise<Waiting>) {
  const registers = [registry]
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers })
  const counter = (name: string, help: string) => new Counter({ name, help, registers })
  const stored = storedGauges(registry, read, [
    {
      name: 'inorder_outbox_waiting_rows',
      help: `Events that are not known to be in Kafka, counted up to ${mostCounted} a partition`,
      of: ({ waiting }) => waiting,
    },
    { name: 'inorder_outbox_oldest_seconds', help: 'Age of the oldest of them, 0 if none', of: ({ oldest }) => oldest },
    {
      name: 'inorder_outbox_set_aside_rows',
      help: `Events that Kafka refuses for good, counted up to ${mostCounted}; the later ones of their keys wait`,
      of: ({ aside }) => aside,
    },
  ])
  return {
    /** For the Kafka clients' own metrics. */
    registry,
    stored,
    published: counter('inorder_outbox_published_total', 'Events that Kafka has acknowledged'),
    failures: counter('inorder_outbox_send_failures_total', 'Sends that failed or were overdue'),
    inBackoff: gauge(
      'inorder_outbox_backoff_lanes',
      'Partitions to which nothing is sent for a moment after a failure',
    ),
    unavailable: gauge(
      'inorder_outbox_circuit_open',
      '1 while Kafka is known not to take events, or nothing is known of it yet',
    ),
    leads: gauge('inorder_outbox_leads', '1 while this instance publishes'),
  }
}
