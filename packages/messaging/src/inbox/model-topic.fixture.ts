// The model's events as records of a topic, and a service that stores what the model's `apply` makes of them.
import pg from 'pg'
import { apply, type ModelEvent, type ModelRecord } from './model.fixture.ts'

/** Wire format: 0 and the schema's id, 7. */
const header = Buffer.from([0, 0, 0, 0, 7])

/** A `Topic` of this name whose values are framed JSON. */
export const modelTopic = (name: string) => ({
  name,
  parkedName: `${name}.parked`,
  partitions: 3,
  subject: `${name}-value`,
  key: {
    encode: ({ orderId }: ModelEvent) => Buffer.from(orderId),
    decode: (key: Buffer) => key.toString(),
  },
  value: {
    schema: '"string"',
    fingerprint: 'model',
    encode: (event: ModelEvent) => Buffer.from(JSON.stringify(event)),
    decoder:
      () =>
      (body: Buffer): ModelEvent =>
        JSON.parse(body.toString()),
  },
  describe: ({ id, orderId, version }: ModelEvent) => ({ eventId: id, orderId, version }),
  overLimits: (): string | undefined => undefined,
  headers: (): Record<string, string> => ({}),
})

/** Knows the one schema. */
export const modelRegistry = { schemaOf: async (_id: number): Promise<string> => '"string"' }

export function recordOf({ place, orderId, event }: ModelRecord) {
  return {
    partition: 0,
    offset: BigInt(place),
    timestamp: 1_700_000_000_000n,
    key: orderId === null ? null : Buffer.from(orderId),
    value: event ? framed(event) : Buffer.from('garbage'),
    headers: [[Buffer.from('trace'), Buffer.from([0, 255])]] as [Buffer, Buffer][],
  }
}

/** The same for records of a whole history: whatever the model may put in the place of an event, and schemas 8, 9, ... */
export function recordOfHistory(record: ModelRecord) {
  const { event, junk, schema = 0 } = record
  const framedJunk = framed({ id: 'junk', orderId: record.orderId ?? '', version: 0 })
  const values = {
    text: Buffer.from('garbage'),
    tombstone: null,
    empty: Buffer.alloc(0),
    cut: framedJunk.subarray(0, 12),
    'no version': framedJunk,
  }
  const value = junk ? values[junk] : event ? framed(event) : values.text
  if (value && value.length > 4 && value[0] === 0) value.writeUInt32BE(header.readUInt32BE(1) + schema, 1)
  return { ...recordOf(record), value }
}

export const framed = (event: ModelEvent): Buffer => Buffer.concat([header, Buffer.from(JSON.stringify(event))])

/** The service: a row an order, and a constraint that some events would break. */
export const modelHandler = {
  async load(tx: Pick<pg.ClientBase, 'query'>, orderIds: readonly string[]): Promise<Map<string, string[]>> {
    const { rows } = await tx.query('SELECT order_id, events FROM model_order WHERE order_id = ANY($1)', [orderIds])
    return new Map(rows.map((row) => [row.order_id, row.events]))
  },
  apply: (state: string[] | undefined, event: ModelEvent) => ({ state: apply(state, event), effects: [] }),
  async save(tx: Pick<pg.ClientBase, 'query'>, changed: ReadonlyMap<string, string[]>): Promise<void> {
    const rows = [...changed].map(([order_id, events]) => ({ order_id, events }))
    await tx.query(
      `INSERT INTO model_order SELECT order_id, events
       FROM json_to_recordset($1) AS r (order_id text, events text[])
       ON CONFLICT (order_id) DO UPDATE SET events = excluded.events`,
      [JSON.stringify(rows)],
    )
  },
}

export async function makeModelTable(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`CREATE TABLE model_order (
    order_id text PRIMARY KEY,
    events text[] CHECK (array_to_string(events, ' ') NOT LIKE '%unsavable%')
  )`)
  await client.end()
}
