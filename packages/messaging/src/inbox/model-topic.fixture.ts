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
    encode: ({ key }: ModelEvent) => Buffer.from(key),
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
  describe: ({ id, key, version }: ModelEvent) => ({ eventId: id, key, version }),
  overLimits: (): string | undefined => undefined,
  headers: (): Record<string, string> => ({}),
  versionHeader: 'version',
})

/** Knows the one schema. */
export const modelRegistry = { schemaOf: async (_id: number): Promise<string> => '"string"' }

export function recordOf({ place, key, event }: ModelRecord) {
  return {
    partition: 0,
    offset: BigInt(place),
    timestamp: 1_700_000_000_000n,
    key: key === null ? null : Buffer.from(key),
    value: event ? framed(event) : Buffer.from('garbage'),
    headers: [[Buffer.from('trace'), Buffer.from([0, 255])]] as [Buffer, Buffer][],
  }
}

/** The same for records of a whole history: whatever the model may put in the place of an event, and schemas 8, 9, ... */
export function recordOfHistory(record: ModelRecord) {
  const { event, junk, schema = 0 } = record
  const framedJunk = framed({ id: 'junk', key: record.key ?? '', version: 0 })
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

/** The service: a row a key, and a constraint that some events would break. */
export const modelHandler = {
  async load(tx: Pick<pg.ClientBase, 'query'>, keys: readonly string[]): Promise<Map<string, string[]>> {
    const { rows } = await tx.query('SELECT key, events FROM model_key WHERE key = ANY($1)', [keys])
    return new Map(rows.map((row) => [row.key, row.events]))
  },
  apply: (state: string[] | undefined, event: ModelEvent) => ({ state: apply(state, event), effects: [] }),
  async save(tx: Pick<pg.ClientBase, 'query'>, changed: ReadonlyMap<string, string[]>): Promise<void> {
    const rows = [...changed].map(([key, events]) => ({ key, events }))
    await tx.query(
      `INSERT INTO model_key SELECT key, events
       FROM json_to_recordset($1) AS r (key text, events text[])
       ON CONFLICT (key) DO UPDATE SET events = excluded.events`,
      [JSON.stringify(rows)],
    )
  },
}

export async function makeModelTable(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`CREATE TABLE model_key (
    key text PRIMARY KEY,
    events text[] CHECK (array_to_string(events, ' ') NOT LIKE '%unsavable%')
  )`)
  await client.end()
}
