import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
      ['inventory', 3003],
      ['billing', 3004],
      ['shipping', 3005],
      ['payment', 3006],
      ['carrier', 3007],
      ['console', 3000],
    ],
  )
  assert.deepEqual(given, {})
})

test('what is given stands in for the part', (t) => {
  const env = {
    DATABASE_URL: 'postgres://me@db.example/',
    KAFKA_BROKERS: 'a:9092,b:9092',
    SCHEMA_REGISTRY_URL: 'http://r.example/apis/ccompat/v7',
  }
  const given = { database: env.DATABASE_URL, kafka: env.KAFKA_BROKERS, registry: env.SCHEMA_REGISTRY_URL }
  assert.deepEqual(readSettings(env).given, given)
  const folder = mkdtempSync(join(tmpdir(), 'inorder-settings-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const inFiles = Object.entries(env).map(([name, value]) => {
    writeFileSync(join(folder, name), value)
    return [`${name}_FILE`, join(folder, name)]
  })
  assert.deepEqual(readSettings(Object.fromEntries(inFiles)).given, given)
})

test('stock is seeded into the PostgreSQL that is started, and into another where that is asked for', () => {
  const DATABASE_URL = 'postgres://db'
  const seeds = (env: NodeJS.ProcessEnv) => readSettings(env).seedStock
  assert.deepEqual([{}, { SEED_STOCK: '' }, { DATABASE_URL, SEED_STOCK: 'on' }].map(seeds), [true, true, true])
  assert.deepEqual([{ DATABASE_URL }, { SEED_STOCK: 'off' }].map(seeds), [false, false])
})

test('a bad value is named, in one line', () => {
  const bad = {
    INORDER_PORT_OFFSET: 'many',
    DRAIN_MS: '60001',
    SEED_STOCK: 'maybe',
    INORDER_SERVICES: 'cart,cinema',
    DATABASE_URL: 'mysql://db',
    KAFKA_BROKERS: 'localhost',
    SCHEMA_REGISTRY_URL: 'registry:8081',
  }
  for (const [name, value] of Object.entries(bad)) {
    assert.throws(() => readSettings({ [name]: value }), new RegExp(`^StartFailure: [^\n]*${name}[^\n]*$`))
  }
})

test('arguments: instances and brokers, one each if nothing is said', () => {
  const numbers = (...args: string[]) => {
    const { instances, brokers } = readSettings({}, args)
    return { instances, brokers }
  }
  assert.deepEqual(numbers(), { instances: 1, brokers: 1 })
  assert.deepEqual(numbers('--instances', '2', '--brokers=3'), { instances: 2, brokers: 3 })
  for (const bad of ['--brokers 2', '--instances 0', '--instances', '--instances x', '--instance 2', 'cart']) {
    assert.throws(
      () => numbers(...bad.split(' ')),
      /^StartFailure: [^\n]*--instances <1 to 5> --brokers <1 or 3>[^\n]*$/,
    )
  }
  const given = { KAFKA_BROKERS: 'a:9092' }
  assert.throws(
    () => readSettings(given, ['--brokers', '3']),
    /^StartFailure: [^\n]*--brokers and KAFKA_BROKERS[^\n]*$/,
  )
})
