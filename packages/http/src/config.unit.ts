import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { BadConfig, readConfig, serviceConfig } from './config.ts'

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
  })
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
  for (const PORT of ['x', '-1', '3.5', 'NaN']) assert.throws(() => readConfig(schema, { ...given, PORT }), /PORT/)
})
