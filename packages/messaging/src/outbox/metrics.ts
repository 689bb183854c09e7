import { Counter, Gauge, type Registry } from 'prom-client'

export type OutboxMetrics = ReturnType<typeof outboxMetrics>

export function outboxMetrics(registry: Registry) {
  const registers = [registry]
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers })
  const counter = (name: string, help: string) => new Counter({ name, help, registers })
  return {
    waiting: gauge(
      'outbox_waiting_rows',
      'Events that are not known to be in Kafka, counted up to 100,000 a partition',
    ),
    oldest: gauge('outbox_oldest_seconds', 'Age of the oldest of them'),
    setAside: gauge('outbox_set_aside_rows', 'Events that Kafka refuses for good; the later ones of their key wait'),
    published: counter('outbox_published_total', 'Events that Kafka has acknowledged'),
    failures: counter('outbox_send_failures_total', 'Sends that failed or were overdue'),
    inBackoff: gauge('outbox_resting_lanes', 'Partitions to which nothing is sent for a moment after a failure'),
    unavailable: gauge('outbox_kafka_away', '1 while Kafka is known not to take events'),
    leads: gauge('outbox_leads', '1 while this instance publishes'),
  }
}
