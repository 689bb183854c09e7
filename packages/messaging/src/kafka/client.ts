import { isIP } from 'node:net'
import type { Base } from '@platformatic/kafka'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { KafkaAccess } from './access.ts'
import { denialOf, outageOf } from './access-denied.ts'
import { KafkaRefused, KafkaUnavailable, RecordTooLarge, TopicMissing } from './errors.ts'

export interface Cluster {
  brokers: readonly string[]
  clientId: string
  /** Undefined: plain text, and nobody is asked who they are. */
  access?: KafkaAccess | undefined
  /** For the client's own metrics. */
  metrics?: Registry | undefined
}

/** Settings of a client that asks or sends; our own deadlines come on top. A new client begins with another broker. */
export const clientOptions = ({ brokers, clientId, access, metrics }: Cluster, generation: number) => ({
  ...accessOptions(brokers, access),
  clientId,
  ...clientMetrics(metrics),
  // The client waits for the first broker that takes its connection, and a frozen one does take it.
  bootstrapBrokers: brokers.map((_, i) => brokers[(i + generation) % brokers.length]!),
  // A handshake and a login are up to seven round trips.
  connectTimeout: access?.tls || access?.sasl ? 3_000 : 1_000,
  requestTimeout: 3_000,
  // Idempotent producers turn 1 and less into "for ever".
  retries: 2,
  retryDelay: 100,
})

/** The client's own metrics, `kafka_...`. */
export const clientMetrics = (registry: Registry | undefined) =>
  registry && { metrics: { registry, client: { Counter, Gauge, Histogram, Registry } } }

/** What a client of any kind needs to be let in. */
export const accessOptions = (brokers: readonly string[], access: KafkaAccess | undefined) => ({
  ...(access?.sasl && { sasl: access.sasl }),
  // A broker behind a proxy is found by the name in the handshake (SNI); an IP address must not stand there.
  ...(access?.tls && { tls: access.tls, tlsServerName: !brokers.some((broker) => isIP(broker.replace(/:\d+$/, ''))) }),
})

const failures = new WeakMap<Base, Error>()

/**
 * Hears what fails on a client's connections. A refused certificate is told there alone, and what fails on one that is given
 * up already ends the process where nobody hears it.
 */
export function watched<Client extends Base>(client: Client): Client {
  client.connections.on('connecting', ({ connection }) => {
    failures.delete(client)
    connection.on('error', (error) => failures.set(client, error))
  })
  return client
}

/** The error of a request, together with that of its connection. */
export function withConnectionError(error: unknown, client: Base): unknown {
  const failure = failures.get(client)
  return failure ? new AggregateError([failure, error], (error as Error).message) : error
}

/** Of the same kind, what was denied a moment ago is not tried again yet. */
export const attempt = <T>({ access }: Pick<Cluster, 'access'>, kind: string, work: () => Promise<T>): Promise<T> =>
  access ? access.attempt(kind, work) : work()

/** Ends a client at once. Its own `close` waits until a frozen broker has taken what is still to be written. */
export function discard(client: Base): void {
  const sockets = [...client.connections].map(([, connection]) => connection.socket)
  client.close(() => {})
  for (const socket of sockets) socket?.destroy()
}

const tooLarge = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']

/** What an error of the client says about Kafka: an answer (KafkaRefused and its kin), or none that we know of. */
export function kafkaError(error: unknown, topic: string, access?: KafkaAccess): Error {
  const denial = denialOf(error, topic, access?.login ?? 'the client')
  if (denial) return denial
  const last = lastOf(error)
  if (last instanceof KafkaUnavailable) return last
  if (/^Unknown topic/.test(last.message) || answerCode(last) === 'UNKNOWN_TOPIC_OR_PARTITION')
    return new TopicMissing(topic)
  const code = answerCode(last)
  if (code && tooLarge.includes(code)) return new RecordTooLarge(`${topic}: ${code}`, { cause: last })
  if (code) return new KafkaRefused(`${topic}: ${code}`, { cause: last })
  if ('hasStaleMetadata' in last) return new KafkaRefused(`${topic}: a partition has no leader`, { cause: last })
  return new KafkaUnavailable(`${topic}: ${outageOf(error, access?.tls !== undefined) ?? last.message}`, {
    cause: last,
  })
}

/** Errors of several tries come as one: the last try is the one that counts. */
function lastOf(error: unknown): Error {
  if (error instanceof AggregateError && !answerCode(error)) return lastOf(error.errors.at(-1))
  return error instanceof Error ? error : new Error(String(error))
}

/** The broker's own error code, when it answered with one. */
function answerCode(error: Error): string | undefined {
  if (!('code' in error) || error.code !== 'PLT_KFK_RESPONSE' || !(error instanceof AggregateError)) return undefined
  return error.errors.find((e) => typeof e?.apiId === 'string')?.apiId
}
