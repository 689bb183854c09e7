import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sandboxKey } from './sandbox-key.ts'
import { instancesOf, service, urlOf } from './service.ts'
import type { Service } from './services.ts'
import { readSettings } from './settings.ts'

const cart: Service = { name: 'cart', port: 3001, database: 'inorder_cart' }
const gateway: Service = { name: 'gateway', port: 3006, standsInFor: 'GATEWAY_URL' }
const page: Service = { name: 'console', port: 3000 }
const settings = {
  ...readSettings({ INORDER_PORT_OFFSET: '1000' }, ['--instances', '3']),
  services: [cart, page, gateway],
}
const surroundings = { database: 'postgres://me@db/', kafka: 'k:9092', registry: 'http://r/' }
const parts = instancesOf(settings).map((instance) => service({ instance, settings, surroundings }))
const environment = (name: string) => parts.find((part) => part.name === name)?.command.env ?? assert.fail(name)

test('instance n has the port 100(n-1) higher; of what has no database there is one', () => {
  assert.deepEqual(
    parts.map(({ name, address }) => [name, address]),
    [
      ['cart', '127.0.0.1:4001'],
      ['cart-2', '127.0.0.1:4101'],
      ['cart-3', '127.0.0.1:4201'],
      ['console', '127.0.0.1:4000'],
      ['gateway', '127.0.0.1:4006'],
    ],
  )
})

test('a service takes writes of the console, and of the origins that the user names', (t) => {
  assert.equal(environment('cart').ALLOWED_ORIGINS, 'http://127.0.0.1:4000')
  process.env.ALLOWED_ORIGINS = 'https://shop.example'
  t.after(() => delete process.env.ALLOWED_ORIGINS)
  const [first] = instancesOf(settings)
  assert.ok(first)
  const { env = {} } = service({ instance: first, settings, surroundings }).command
  assert.equal(env.ALLOWED_ORIGINS, 'https://shop.example,http://127.0.0.1:4000')
})

test('the variables of a PostgreSQL of the user reach the services', (t) => {
  process.env.PGSSLMODE = 'require'
  t.after(() => delete process.env.PGSSLMODE)
  const [first] = instancesOf(settings)
  assert.ok(first)
  assert.equal(service({ instance: first, settings, surroundings }).command.env?.PGSSLMODE, 'require')
})

test('with authentication on, the services have a key for what stands in, which takes it besides those of the user', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'inorder-service-'))
  t.after(() => rmSync(folder, { recursive: true }))
  assert.equal(sandboxKey(folder, {}), undefined)
  const own = join(folder, 'keys')
  writeFileSync(own, `ann ${'0'.repeat(64)} operate`)
  const made = sandboxKey(join(folder, 'data'), { API_KEYS_FILE: own }) ?? assert.fail()
  const of = (n: number) => {
    const instance = instancesOf(settings).at(n) ?? assert.fail()
    return service({ instance, settings, surroundings: { ...surroundings, sandboxKey: made } }).command.env ?? {}
  }
  assert.equal(of(0).GATEWAY_TOKEN, made.key)
  assert.equal(of(-1).API_KEYS_FILE, made.file)
  const digest = createHash('sha256').update(made.key).digest('hex')
  const lines = `ann ${'0'.repeat(64)} operate\nservices ${digest} orders:write\n`
  assert.equal(readFileSync(made.file, 'utf8'), lines)
  const jwt = sandboxKey(join(folder, 'data'), { AUTH_JWKS_URL: 'https://issuer.example' }) ?? assert.fail()
  assert.match(readFileSync(jwt.file, 'utf8').trim(), /^services [\da-f]{64} orders:write$/)
  assert.notEqual(jwt.key, made.key)
})

test('over TLS a service is at https; what stands in speaks plain HTTP', (t) => {
  Object.assign(process.env, { TLS_CERT_FILE: 'c', TLS_KEY_FILE: 'k' })
  t.after(() => {
    delete process.env.TLS_CERT_FILE
    delete process.env.TLS_KEY_FILE
  })
  const [first, last] = [instancesOf(settings).at(0) ?? assert.fail(), instancesOf(settings).at(-1) ?? assert.fail()]
  assert.deepEqual([urlOf(first), urlOf(last)], ['https://127.0.0.1:4001', 'http://127.0.0.1:4006'])
  const { TLS_CERT_FILE, TLS_KEY_FILE } = service({ instance: last, settings, surroundings }).command.env ?? {}
  assert.deepEqual([TLS_CERT_FILE, TLS_KEY_FILE], ['', ''])
})

test('instances share a database and know who they are; every service knows where the stand-in is', () => {
  const { DATABASE_URL, KAFKA_BROKERS, PORT, INSTANCE, GATEWAY_URL } = environment('cart-2')
  assert.deepEqual(
    { DATABASE_URL, KAFKA_BROKERS, PORT, INSTANCE, GATEWAY_URL },
    {
      DATABASE_URL: 'postgres://me@db/inorder_cart',
      KAFKA_BROKERS: 'k:9092',
      PORT: '4101',
      INSTANCE: 'cart-2',
      GATEWAY_URL: 'http://127.0.0.1:4006',
    },
  )
  const { DATABASE_URL_FILE, KAFKA_BROKERS_FILE, SCHEMA_REGISTRY_URL_FILE } = environment('cart-2')
  assert.deepEqual([DATABASE_URL_FILE, KAFKA_BROKERS_FILE, SCHEMA_REGISTRY_URL_FILE], ['', '', ''])
  assert.equal(environment('gateway').DATABASE_URL, undefined)
  assert.equal(environment('gateway').DATA_FILE, join(settings.data, 'gateway.jsonl'))
})

test('the console is told where the services are, and has no credential of theirs', () => {
  const { CART_URL, SHIPPING_URL, DATABASE_URL, DATA_FILE, GATEWAY_URL, GATEWAY_TOKEN } = environment('console')
  assert.equal(CART_URL, 'http://127.0.0.1:4001,http://127.0.0.1:4101,http://127.0.0.1:4201')
  assert.match(SHIPPING_URL ?? '', /^http:\/\/127\.0\.0\.1:4005,/)
  assert.deepEqual([DATABASE_URL, DATA_FILE, GATEWAY_URL, GATEWAY_TOKEN], [undefined, undefined, undefined, undefined])
})

test('a service has DRAIN_MS more to stop in', () => {
  const draining = { ...settings, ...readSettings({ DRAIN_MS: '2500' }) }
  const [first] = instancesOf(draining)
  assert.ok(first)
  assert.equal(service({ instance: first, settings: draining, surroundings }).stop.limit, 6_500)
  assert.ok(parts.every(({ stop }) => stop.limit === 4_000))
})
