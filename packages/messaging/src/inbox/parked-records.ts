// What is parked of one key, as it came and as it reads now.
import { isUtf8 } from 'node:buffer'
import type { Pool } from 'pg'
import type { Decoder } from '../kafka/decode.ts'
import type { SourceRecord } from '../kafka/record.ts'
import { RegistryUnavailable } from '../kafka/registry.ts'
import type { ParkedDetail, ParkedRecordShown } from './ops.ts'
import { stateOf } from './parked-listing.ts'
import { type ParkedRow, parkedRecord, withinBytes } from './parked-store.ts'

/** Of key, value and headers together, and one record at least. */
const mostBytes = 1024 * 1024
const mostRecords = 1_000
const headFirst = `state <> 'head', seq`
const firstRecords = withinBytes(`SELECT * FROM parked WHERE key = $1 ORDER BY ${headFirst} LIMIT $2`, headFirst, '$3')

/** Undefined when nothing of it is parked. `raw`: with the bytes. */
export async function parkedRecords<Event>(
  pool: Pool,
  key: string,
  decoder: Decoder<Event>,
  raw: boolean,
): Promise<ParkedDetail | undefined> {
  const state = await stateOf(pool, key)
  if (!state || state.events.length === 0) return undefined
  const { rows } = await pool.query<ParkedRow>(firstRecords, [key, mostRecords, mostBytes])
  const records = rows.map(parkedRecord)
  // Without the registry what is known is shown.
  await decoder.learnOf(records.map(({ record }) => record.value)).catch((error) => {
    if (!(error instanceof RegistryUnavailable)) throw error
  })
  const shown = new Map(records.map(({ event, record }) => [event, shownRecord(record, decoder, raw)]))
  const events = state.events.map((event) => ({ ...event, ...shown.get(event.event) }))
  return { key, appliedVersion: state.appliedVersion, events }
}

const shownRecord = <Event>(
  { key, value, headers, timestamp }: SourceRecord,
  decoder: Decoder<Event>,
  raw: boolean,
): ParkedRecordShown => ({
  timestamp: timeOf(timestamp),
  headers: headers.map(([name, value]) => ({ name: name.toString(), ...shownBytes(value) })),
  ...(raw && { keyBytes: key?.toString('base64') ?? null, bytes: value?.toString('base64') ?? null }),
  decoded: (decoder.show(value) as object | undefined) ?? null,
})

const shownBytes = (value: Buffer | null) => {
  if (value === null) return { value: null }
  return isUtf8(value) ? { value: value.toString() } : { value: value.toString('base64'), encoding: 'base64' }
}

const longestTime = 8_640_000_000_000_000n

/** A producer may set any number; what is no date is shown as the number. */
const timeOf = (ms: bigint) =>
  ms >= -longestTime && ms <= longestTime ? new Date(Number(ms)).toISOString() : String(ms)
