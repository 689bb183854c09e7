import assert from 'node:assert/strict'
import { test } from 'node:test'
import { registryUrl, unique } from '@inorder/testing/parts.ts'
import { answering, endless, type Given, trickling } from './answering.fixture.ts'
import { RegistryUnavailable, SchemaRegistry, UnknownSchema } from './registry.ts'

const registry = () => new SchemaRegistry({ url: registryUrl(), deadlineMs: 5_000 })

const record = (...fields: unknown[]) => JSON.stringify({ type: 'record', name: 'R', fields })
const text = (name: string) => ({ name, type: 'string', default: '' })
const decimal = (scale: number) => ({
  name: 'amount',
  type: { type: 'bytes', logicalType: 'decimal', precision: 19, scale },
  default: '\u0000',
})

/** A registry that answers as it is told, and counts. */
async function pretended(answer: () => Given | undefined, deadlineMs = 5_000) {
  const server = await answering(answer)
  return { ...server, registry: new SchemaRegistry({ url: server.url, deadlineMs }) }
}

test('a schema gets an id, the same one for everybody, and is found by it', async () => {
  const subject = unique('subject')
  const id = await registry().idOf(subject, record(text('a')))
  assert.equal(await registry().idOf(subject, record(text('a'))), id)
  assert.equal(await registry().schemaOf(id), record(text('a')))
  assert.deepEqual([await registry().serves(subject), await registry().serves(unique('none'))], [true, false])
  assert.notEqual(await registry().idOf(subject, record(text('a'), text('b'))), id)
})

test('an incompatible schema is refused, and so is a decimal of another scale, which the registry would take', async () => {
  const subject = unique('subject')
  const one = registry()
  await one.demandFullCompatibility(subject)
  await one.demandFullCompatibility(subject)
  await one.idOf(subject, record(text('a'), decimal(4)))
  await assert.rejects(one.idOf(subject, record({ name: 'a', type: 'long' }, decimal(4))), /refuses/)
  await assert.rejects(one.idOf(subject, record(text('a'), decimal(2))), /decimal must not change/)
})

test('an id that the registry does not know is told from a registry that is away', async () => {
  await assert.rejects(registry().schemaOf(2_000_000_000), UnknownSchema)
  const away = new SchemaRegistry({ url: 'http://127.0.0.1:1', deadlineMs: 500 })
  await assert.rejects(away.schemaOf(1), RegistryUnavailable)
  await assert.rejects(away.idOf('s', '"string"'), RegistryUnavailable)
})

test('whatever else a registry answers, or if it answers nothing, it counts as away and is asked again', async () => {
  const answers = [
    { status: 500, body: '{"error_code":50001}' },
    { status: 404, body: '{"error_code":40401}' },
    { status: 404, body: '<html>no such page</html>' },
    { status: 404, body: '{}' },
    { status: 200, body: '{"schema":7}' },
    { status: 200, body: 'null' },
    undefined,
  ]
  for (const answer of answers) {
    // Only the one that says nothing is waited for so long.
    const fake = await pretended(() => answer, answer ? 20_000 : 2_000)
    await assert.rejects(fake.registry.schemaOf(1), RegistryUnavailable, JSON.stringify(answer))
    await assert.rejects(fake.registry.schemaOf(1), RegistryUnavailable)
    assert.equal(fake.asked(), 2)
    await fake.close()
  }
})

test('of what else it answers a message shows 500 characters', async () => {
  const fake = await pretended(() => ({ status: 500, body: JSON.stringify({ message: 'x'.repeat(10_000) }) }))
  await assert.rejects(fake.registry.schemaOf(1), ({ message }: Error) => message.length < 600)
  await fake.close()
})

test("whether it serves a subject's schema is asked anew each time", async () => {
  let given: Given = { status: 200, body: '{"schema":"\\"string\\""}' }
  const fake = await pretended(() => given)
  assert.equal(await fake.registry.serves('s'), true)
  for (const body of ['{}', '<html>']) {
    given = { status: 200, body }
    assert.equal(await fake.registry.serves('s'), false)
  }
  given = { status: 403, body: '{}' }
  assert.equal(await fake.registry.serves('s'), false)
  await fake.close()
  assert.equal(await fake.registry.serves('s'), false)
})

test('an answer that is too long, or does not end, is given up', async () => {
  const answers: [Given['body'], RegExp][] = [
    [endless, /^GET \/schemas\/ids\/1: the answer has more than 4194304 bytes: mend SCHEMA_REGISTRY_URL$/],
    [trickling, /^GET \/schemas\/ids\/1: no whole answer within 500 ms$/],
  ]
  for (const [body, told] of answers) {
    const fake = await pretended(() => ({ status: 200, body }), body === endless ? 20_000 : 500)
    await assert.rejects(fake.registry.schemaOf(1), (error: Error) => {
      assert.ok(error instanceof RegistryUnavailable)
      assert.match(error.message, told)
      return true
    })
    await fake.close()
  }
})

test('what was learnt is not asked again, but only so much is kept', async () => {
  const fake = await pretended(() => ({ status: 200, body: '{"schema":"\\"string\\""}' }))
  for (let i = 0; i < 2; i++) await fake.registry.schemaOf(1)
  assert.equal(fake.asked(), 1)
  for (let id = 2; id <= 1_002; id++) await fake.registry.schemaOf(id)
  await fake.registry.schemaOf(1)
  assert.equal(fake.asked(), 1_003)
  await fake.close()
})
