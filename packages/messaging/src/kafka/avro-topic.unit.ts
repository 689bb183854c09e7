import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { avroTopic } from './avro-topic.ts'

interface Moved {
  eventId: string
  parcelId: string
  version: number
  stops: { depot: string }[]
  note: { by: string } | null
}

const stop = { type: 'record', name: 'Stop', fields: [{ name: 'depot', type: 'string' }] }
const note = { type: 'record', name: 'Note', fields: [{ name: 'by', type: 'string' }] }
const fields = [
  { name: 'eventId', type: 'string' },
  { name: 'parcelId', type: 'string' },
  { name: 'version', type: 'long' },
  { name: 'stops', type: { type: 'array', items: stop } },
  { name: 'note', type: ['null', note], default: null },
]
const schema = { type: 'record', name: 'Moved', fields }
const options = {
  name: 'parcels',
  partitions: 3,
  describe: ({ eventId, parcelId, version }: Omit<Moved, 'note'>) => ({ eventId, key: parcelId, version }),
}
const topic = avroTopic<Moved>({ ...options, schema })
const event: Moved = { eventId: 'e', parcelId: 'p-1', version: 2, stops: [{ depot: 'Kiel' }], note: { by: 'me' } }

suite('a topic of Avro events', () => {
  test('has the usual names', () =>
    assert.deepEqual([topic.parkedName, topic.subject], ['parcels.parked', 'parcels-value']))

  test('gives an event back as it was, in plain objects', () =>
    assert.deepEqual(topic.value.decoder(topic.value.schema)(topic.value.encode(event)), event))

  test('reads what an earlier schema wrote', () => {
    const earlier = avroTopic<Omit<Moved, 'note'>>({ ...options, schema: { ...schema, fields: fields.slice(0, -1) } })
    const { note: _, ...without } = event
    const body = earlier.value.encode(without)
    assert.deepEqual(topic.value.decoder(earlier.value.schema)(body), { ...event, note: null })
  })

  test('refuses a body with something left over', () => {
    const body = Buffer.concat([topic.value.encode(event), Buffer.from([0])])
    assert.throws(() => topic.value.decoder(topic.value.schema)(body), /left over/)
  })

  test('takes keys that are texts of 1 to 128 code points without control characters', () => {
    const longest = '\u{1F4E6}'.repeat(128)
    assert.equal(topic.key.decode(Buffer.from(longest)), longest)
    assert.deepEqual(topic.key.encode(event), Buffer.from('p-1'))
    for (const bad of ['', `${longest}x`, 'a\nb', 'a\0']) assert.throws(() => topic.key.decode(Buffer.from(bad)))
    assert.throws(() => topic.key.decode(Buffer.from([0xc3, 0x28])), /UTF-8/)
  })
})
