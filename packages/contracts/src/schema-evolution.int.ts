// How the event's schema may change, against the real registry.
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { SchemaRegistry } from '@inorder/messaging/kafka/registry.ts'
import { frame, unframe } from '@inorder/messaging/kafka/wire-format.ts'
import { anyEvent } from '@inorder/testing/any-order.ts'
import { registryUrl, unique } from '@inorder/testing/parts.ts'
import fc from 'fast-check'
import { orderEvents } from './order-events.ts'

const { schema, encode, decoder } = orderEvents.value
const [event] = fc.sample(anyEvent, { numRuns: 1, seed: 20261123 })
assert.ok(event)

interface Field {
  name: string
  type: unknown
  default?: unknown
}

const withFields = (change: (fields: Field[]) => Field[]) => {
  const parsed = JSON.parse(schema)
  return JSON.stringify({ ...parsed, fields: change(parsed.fields) })
}

/** A subject of its own, with the schema registered and full compatibility asked for, and a client that has cached nothing. */
async function subjectWith(first: string): Promise<{ subject: string; registry: SchemaRegistry; id: number }> {
  const registry = new SchemaRegistry({ url: registryUrl(), deadlineMs: 10_000 })
  const subject = unique('order-events-value')
  await registry.demandFullCompatibility(subject)
  return { subject, registry, id: await registry.idOf(subject, first) }
}

suite('the registry', () => {
  test('gives the same id for the same schema, and its text back', async () => {
    const { subject, registry, id } = await subjectWith(schema)
    const other = new SchemaRegistry({ url: registryUrl(), deadlineMs: 10_000 })
    assert.equal(await other.idOf(subject, schema), id)
    assert.deepEqual(JSON.parse(await registry.schemaOf(id)), JSON.parse(schema))
  })

  const incompatible: [what: string, schema: string][] = [
    ['a new field without a default', withFields((all) => [...all, { name: 'channel', type: 'string' }])],
    ['a field without a default taken away', withFields((all) => all.filter(({ name }) => name !== 'version'))],
    [
      'a field of another type',
      withFields((all) => all.map((field) => (field.name === 'version' ? { ...field, type: 'string' } : field))),
    ],
  ]
  for (const [what, changed] of incompatible) {
    test(`refuses ${what}`, async () => {
      const { subject, registry } = await subjectWith(schema)
      await assert.rejects(registry.idOf(subject, changed), /refuses the schema/)
    })
  }

  test('compares with every version, not with the latest alone', async () => {
    const { subject, registry } = await subjectWith(schema)
    const one = { name: 'channel', type: 'string', default: 'web' }
    await registry.idOf(
      subject,
      withFields((all) => [...all, one]),
    )
    await registry.idOf(subject, schema)
    const other = { name: 'channel', type: 'int', default: 0 }
    await assert.rejects(
      registry.idOf(
        subject,
        withFields((all) => [...all, other]),
      ),
      /refuses the schema/,
    )
  })

  test('lets a changed decimal scale pass, and we refuse it', async () => {
    const { subject, registry } = await subjectWith(schema)
    const rescaled = schema.replaceAll('"scale":4', '"scale":2')
    const answer = await fetch(`${registryUrl()}/compatibility/subjects/${subject}/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ schema: rescaled }),
    })
    assert.deepEqual(
      await answer.json(),
      { is_compatible: true },
      'should the registry refuse it one day, the guard can go',
    )
    await assert.rejects(registry.idOf(subject, rescaled), /decimal must not change/)
  })
})

test('rule 3: an event written before a field was added, published after it, is read right', async () => {
  // The outbox holds a body of the older schema; meanwhile the newer one has been registered and is the latest.
  const older = withFields((all) => all.filter(({ name }) => name !== 'previousStatus'))
  const { subject, registry, id } = await subjectWith(older)
  const body = encode(event).subarray(0, -sizeOfPreviousStatus(event.previousStatus))
  const newerId = await registry.idOf(subject, schema)
  assert.notEqual(newerId, id)

  const fresh = new SchemaRegistry({ url: registryUrl(), deadlineMs: 10_000 })
  const read = async (value: Buffer) => {
    const framed = unframe(value)
    return decoder(await fresh.schemaOf(framed.schemaId))(framed.body)
  }
  assert.deepEqual(await read(frame(id, body)), { ...event, previousStatus: null })
  assert.deepEqual(await read(frame(newerId, encode(event))), event)
  await assert.rejects(read(frame(newerId, body)), 'under the current schema its bytes are no event')
})

/** It is the last field: a union branch, and for a text its length and bytes. */
function sizeOfPreviousStatus(status: string | null): number {
  if (status === null) return 1
  const bytes = Buffer.byteLength(status)
  return 1 + (bytes < 64 ? 1 : 2) + bytes
}
