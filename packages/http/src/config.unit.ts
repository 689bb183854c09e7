import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BadConfig } from '@inorder/storage/settings.ts'
import { Type } from 'typebox'
import { readConfig, serviceConfig } from './config.ts'

const schema = Type.Object({
  ...serviceConfig('cart', 3001),
  DELIVERY: Type.Enum(['lenient', 'strict'], { default: 'lenient' }),
})
const given = {
  DATABASE_URL: 'postgres://me:secret@127.0.0.1:5433/inorder_cart',
  KAFKA_BROKERS: '127.0.0.1:9092,127.0.0.1:9093',
  SCHEMA_REGISTRY_URL: 'http://127.0.0.1:8081/apis/ccompat/v7',
}

test('settings are read from the environment; what is not given, or empty, has its default', () => {
  const config = readConfig(schema, { ...given, PORT: '3101', HOST: '', HOME: '/root' })
  assert.deepEqual(config, {
    ...given,
    HOST: '127.0.0.1',
    PORT: 3101,
    LOG_LEVEL: 'info',
    INSTANCE: 'cart',
    DELIVERY: 'lenient',
    MIGRATE: 'start',
    INSECURE_LISTEN: 'no',
    RATE_LIMIT: 0,
    MAX_CONNECTIONS: 1_000,
    DRAIN_MS: 0,
  })
})

test('off loopback a service listens only with INSECURE_LISTEN=yes', () => {
  for (const HOST of ['127.0.0.1', '127.0.0.2', 'localhost', '::1', '']) readConfig(schema, { ...given, HOST })
  for (const HOST of ['0.0.0.0', '::', '10.0.0.7', 'cart.internal', '127.0.0.1.nip.io']) {
    for (const INSECURE_LISTEN of [undefined, 'no'])
      assert.throws(
        () => readConfig(schema, { ...given, HOST, INSECURE_LISTEN }),
        (error) =>
          error instanceof BadConfig && /^bad configuration: HOST .*INSECURE_LISTEN=yes[^\n]*$/.test(error.message),
      )
    assert.equal(readConfig(schema, { ...given, HOST, INSECURE_LISTEN: 'yes' }).HOST, HOST)
  }
  assert.throws(() => readConfig(schema, { ...given, INSECURE_LISTEN: 'maybe' }), /INSECURE_LISTEN/)
})

test('off loopback a service listens with authentication on', () => {
  const jwt = { AUTH_JWKS_URL: 'https://issuer.example/keys', AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' }
  for (const auth of [jwt, { API_KEYS_FILE: '/run/keys' }])
    assert.equal(readConfig(schema, { ...given, ...auth, HOST: '0.0.0.0' }).HOST, '0.0.0.0')
  // Neither says who calls.
  for (const other of [{ TLS_CERT_FILE: 'c', TLS_KEY_FILE: 'k' }, { TRUST_PROXY: '10.0.0.5' }])
    assert.throws(() => readConfig(schema, { ...given, ...other, HOST: '0.0.0.0' }), /nobody is asked who they are/)
})

test('settings that belong together are all there or none, and the missing ones are named', () => {
  const jwt = { AUTH_JWKS_URL: 'https://issuer.example/keys', AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' }
  assert.equal(readConfig(schema, { ...given, ...jwt }).AUTH_AUDIENCE, 'a')
  for (const group of [jwt, { TLS_CERT_FILE: 'c', TLS_KEY_FILE: 'k' }])
    for (const name of Object.keys(group)) {
      const told = new RegExp(`^bad configuration: ${name} not set: give all of ${Object.keys(group).join(', ')} `)
      assert.throws(() => readConfig(schema, { ...given, ...group, [name]: '' }), { message: told })
    }
})

test('AUTH_JWKS_URL is https, but on loopback; TRUST_PROXY holds addresses', () => {
  const jwt = { AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' }
  for (const AUTH_JWKS_URL of [
    'https://issuer.example/keys',
    'http://127.0.0.1:9/keys',
    'http://localhost',
    'http://[::1]:9',
  ])
    readConfig(schema, { ...given, ...jwt, AUTH_JWKS_URL })
  for (const AUTH_JWKS_URL of [
    'http://issuer.example',
    'http://127.0.0.1.nip.io',
    'file:///keys',
    'issuer',
    'https://me:secret@issuer.example/keys',
    'https://a b',
  ])
    assert.throws(
      () => readConfig(schema, { ...given, ...jwt, AUTH_JWKS_URL }),
      /AUTH_JWKS_URL must match/,
      AUTH_JWKS_URL,
    )
  for (const TRUST_PROXY of ['10.0.0.5', '10.0.0.0/8,fd00::/8', '::1']) readConfig(schema, { ...given, TRUST_PROXY })
  for (const TRUST_PROXY of [
    'true',
    '*',
    '1',
    'proxy',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.5, 10.0.0.6',
    '10.0.0.0/8/8',
    ',',
  ])
    assert.throws(() => readConfig(schema, { ...given, TRUST_PROXY }), /TRUST_PROXY must match/, TRUST_PROXY)
})

test('TRUST_PROXY does not hold every address', () => {
  for (const TRUST_PROXY of ['0.0.0.0/0', '10.0.0.5,::/0', '10.0.0.5/00'])
    assert.throws(() => readConfig(schema, { ...given, TRUST_PROXY }), /TRUST_PROXY holds every address/, TRUST_PROXY)
})

test('an address that is logged holds no login, and what is wrong is told without it', () => {
  for (const name of ['SCHEMA_REGISTRY_URL', 'OTEL_EXPORTER_OTLP_ENDPOINT'])
    assert.throws(
      () => readConfig(schema, { ...given, [name]: 'http://me:secret@host.example' }),
      (error) => error instanceof BadConfig && error.message.includes(name) && !error.message.includes('secret'),
    )
})

test('ALLOWED_HOSTS holds names, ALLOWED_ORIGINS origins as a browser writes them', () => {
  const good = { ALLOWED_HOSTS: 'shop.example,cart:3001,[::2]:1', ALLOWED_ORIGINS: 'http://a:3000,https://b.example' }
  assert.equal(readConfig(schema, { ...given, ...good }).ALLOWED_HOSTS, good.ALLOWED_HOSTS)
  for (const ALLOWED_HOSTS of ['http://a', 'a,', 'a, b', 'a/b'])
    assert.throws(() => readConfig(schema, { ...given, ALLOWED_HOSTS }), /ALLOWED_HOSTS/)
  for (const ALLOWED_ORIGINS of ['a:3000', 'http://a/', 'http://a:80', 'null', '*', 'http://a, http://b'])
    assert.throws(() => readConfig(schema, { ...given, ALLOWED_ORIGINS }), /ALLOWED_ORIGINS/)
})

test('every bad setting is named in one error, without its value', () => {
  const env = {
    ...given,
    DATABASE_URL: 'mysql://me:secret@h',
    KAFKA_BROKERS: 'nowhere',
    PORT: '65536',
    DELIVERY: 'maybe',
  }
  assert.throws(
    () => readConfig(schema, { ...env, SCHEMA_REGISTRY_URL: undefined, LOG_LEVEL: 'loud' }),
    (error) => {
      assert.ok(error instanceof BadConfig)
      for (const name of ['DATABASE_URL', 'KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL', 'PORT', 'LOG_LEVEL', 'DELIVERY'])
        assert.match(error.message, new RegExp(`${name} `))
      assert.doesNotMatch(error.message, /secret|\n/)
      return true
    },
  )
  for (const PORT of ['x', '-1', '3.5', 'NaN', '0x10', ' ', '3001 ', '1e3', '9'.repeat(30)])
    assert.throws(() => readConfig(schema, { ...given, PORT }), /PORT/)
})

test('an address without a host, or with a port that is none, is refused and not shown', () => {
  const bad: [name: string, ...values: string[]][] = [
    ['DATABASE_URL', 'postgres://', 'postgres:///secret', 'postgres://:5433/secret', 'secret', 'postgres://h:secret/d'],
    [
      'KAFKA_BROKERS',
      'secret:99999',
      'h:0',
      'h:9092,',
      'h:9092,secret',
      'h:9092, secret:9093',
      ':9092',
      'h:9092/secret',
    ],
    ['SCHEMA_REGISTRY_URL', 'http://', 'https://:8081/secret', 'ftp://secret', 'http://a secret', 'http://h:99999'],
  ]
  for (const [name, ...values] of bad) {
    for (const value of values) {
      assert.throws(
        () => readConfig(schema, { ...given, [name]: value }),
        (error) =>
          error instanceof BadConfig &&
          error.message.startsWith(`bad configuration: ${name} must match format "`) &&
          !/secret|99999|\n/.test(error.message),
        value,
      )
    }
  }
  const good = {
    DATABASE_URL: 'postgresql://u:p%23@%2Fvar%2Frun/d?sslmode=require',
    KAFKA_BROKERS: 'kafka-1:1,h:65535',
  }
  assert.deepEqual(readConfig(schema, { ...given, ...good }).KAFKA_BROKERS, good.KAFKA_BROKERS)
})
