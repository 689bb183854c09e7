// A look into the cart's database and into the log, beside the cart.
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import { Decoder } from '@inorder/messaging/kafka/decode.ts'
import { readLog } from '@inorder/messaging/kafka/log-reader.ts'
import type { SourceRecord } from '@inorder/messaging/kafka/record.ts'
import { SchemaRegistry } from '@inorder/messaging/kafka/registry.ts'
import { brokers, registryUrl } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import pg from 'pg'

/** No broker listens there. */
export const noKafka = { KAFKA_BROKERS: '127.0.0.1:1' }

export async function sql<Row extends pg.QueryResultRow>(url: string, ...statements: string[]): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    let rows: Row[] = []
    for (const statement of statements) rows = (await client.query<Row>(statement)).rows
    return rows
  } finally {
    await client.end()
  }
}

/** What the topic of the orders holds now. */
export async function readOrders(
  onRecords: (records: SourceRecord[], topicId: string) => Promise<void>,
): Promise<void> {
  const cluster = { brokers: brokers().split(','), clientId: 'restored-test' }
  const kafka = new KafkaAdmin(cluster)
  const { id, starts, ends } = await kafka.log(orderEvents.name, 10_000)
  await kafka.close()
  const spans = new Map(ends.flatMap((to, p) => (to > starts[p]! ? [[p, { from: starts[p]!, to }] as const] : [])))
  await readLog(cluster, { topic: orderEvents.name, topicId: id, spans }, (records) => onRecords(records, id))
}

/** `id version status` of these orders' events as the log holds them, repeats left out. */
export async function inLog(orderIds: readonly string[]): Promise<Map<string, string[]>> {
  const decoder = new Decoder(orderEvents, new SchemaRegistry({ url: registryUrl(), deadlineMs: 5_000 }))
  const log = new Map(orderIds.map((orderId) => [orderId, [] as string[]]))
  const seen = new Set<string>()
  await readOrders(async (records, topicId) => {
    for (const { decoded } of await decoder.decodeAll(topicId, records)) {
      const event: OrderEvent | undefined = decoded?.event
      if (!event || seen.has(event.eventId)) continue
      seen.add(event.eventId)
      log.get(event.orderId)?.push(`"${event.version}" ${event.order.status}`)
    }
  })
  return log
}

export const outboxIsEmpty = (url: string) =>
  until('all is published', async () => {
    const [row] = await sql<{ n: number }>(url, 'SELECT count(*)::int AS n FROM outbox')
    return row?.n === 0
  })
