import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSettings } from './settings.ts'

test('given nothing, every part is started, with its data in .local', () => {
  const { data, offset, services, given } = readSettings({})
  assert.match(data, /\.local$/)
  assert.equal(offset, 0)
  assert.deepEqual(
    services.map(({ name, port }) => [name, port]),
    [
      ['cart', 3001],
      ['order', 3002],
    ],
  )
  assert.deepEqual(given, {})
})

test('what is given stands in for the part', () => {
  const env = {
    DATABASE_URL: 'postgres://me@db.example/',
    KAFKA_BROKERS: 'a:9092,b:9092',
    SCHEMA_REGISTRY_URL: 'http://r.example/apis/ccompat/v7',
  }
  assert.deepEqual(readSettings(env).given, {
    database: env.DATABASE_URL,
    kafka: env.KAFKA_BROKERS,
    registry: env.SCHEMA_REGISTRY_URL,
  })
})

test('a bad value is named, in one line', () => {
  const bad = {
    INORDER_PORT_OFFSET: 'many',
    INORDER_SERVICES: 'cart,cinema',
    DATABASE_URL: 'mysql://db',
    KAFKA_BROKERS: 'localhost',
    SCHEMA_REGISTRY_URL: 'registry:8081',
  }
  for (const [name, value] of Object.entries(bad)) {
    assert.throws(() => readSettings({ [name]: value }), new RegExp(`^StartFailure: [^\n]*${name}[^\n]*$`))
  }
})
