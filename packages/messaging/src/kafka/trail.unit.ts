import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SourceRecord } from './record.ts'
import { actorOf, traceIdOf, trailOf } from './trail.ts'

const record = (headers: Record<string, string | null>): SourceRecord => ({
  ...{ partition: 0, offset: 0n, timestamp: 0n, key: null, value: null },
  headers: Object.entries(headers).map(([name, value]) => [
    Buffer.from(name),
    value === null ? null : Buffer.from(value),
  ]),
})
const trace = '0af7651916cd43dd8448eb211c80319c'
const traceparent = `00-${trace}-b7ad6b7169203331-01`

test('an event is followed by the headers of its record', () => {
  const trail = trailOf(record({ ce_id: 'x', 'inorder-request-id': 'a.b:c/1+2=_-', traceparent }))
  assert.deepEqual(trail, { requestId: 'a.b:c/1+2=_-', traceparent })
  assert.equal(traceIdOf(traceparent), trace)
})

test('a record without them, or with what has not their form, is followed by nothing', () => {
  const nothing = { requestId: undefined, traceparent: undefined }
  const strange = ['', ' ', 'a b', 'a\nb', 'é', 'x'.repeat(129), null]
  assert.deepEqual(trailOf(undefined), nothing)
  assert.deepEqual(trailOf(record({ 'inorder-request-iD': 'a' })), nothing)
  for (const value of strange) {
    const headers = { 'inorder-request-id': value, traceparent: value }
    assert.deepEqual(trailOf(record(headers)), nothing, String(value))
  }
  assert.deepEqual(trailOf(record({ traceparent: traceparent.toUpperCase() })), nothing)
  assert.equal(traceIdOf(null), undefined)
})

test('who asked for a change is read from its header, where that is a name', () => {
  const actor = (value: string | Buffer | null) => {
    const { headers, ...more } = record({ 'inorder-actor': '' })
    return actorOf({ ...more, headers: [[headers[0]![0], typeof value === 'string' ? Buffer.from(value) : value]] })
  }
  for (const name of ['shop', 'zoë \u{1f40d}', '\u{1f40d}'.repeat(255)]) assert.equal(actor(name), name)
  const strange = ['', 'a\0', 'a\nb', 'x'.repeat(256), Buffer.from([0x61, 0xff]), null]
  for (const value of strange) assert.equal(actor(value), undefined, String(value))
  assert.equal(actorOf(record({ 'inorder-Actor': 'shop' })), undefined)
  assert.equal(actorOf(undefined), undefined)
})
