import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inClearText } from './clear-text.ts'

const secrets = {
  KAFKA_SASL_PASSWORD: 'own-secret',
  SCHEMA_REGISTRY_PASSWORD: 'own-secret',
  PAYMENT_TOKEN: 'own-secret',
  CARRIER_TOKEN: 'own-secret',
}
const at = (host: string, scheme = 'http') => ({
  KAFKA_BROKERS: `127.0.0.1:9092,${host}:9092`,
  SCHEMA_REGISTRY_URL: `${scheme}://${host}:8081/apis/ccompat/v7`,
  PAYMENT_URL: `${scheme}://${host}:3006`,
  CARRIER_URL: `${scheme}://${host}:3007`,
})

test('a secret that goes off this machine in clear text is named, with what to do, and not shown', () => {
  const lines = inClearText(at('10.0.0.1'), { ...secrets, KAFKA_SASL_MECHANISM: 'PLAIN' })
  const named = ['KAFKA_SASL_PASSWORD', 'SCHEMA_REGISTRY_PASSWORD', 'PAYMENT_TOKEN', 'CARRIER_TOKEN']
  assert.deepEqual(
    lines.map((line) => line.split(' ')[0]),
    named,
  )
  for (const line of lines) {
    assert.match(line, /in clear text: .*(KAFKA_TLS=on|https URL as [A-Z_]+_URL)/)
    assert.doesNotMatch(line, /own-secret/)
  }
  const oauth = inClearText({ KAFKA_BROKERS: 'kafka:9092' }, { KAFKA_SASL_MECHANISM: 'OAUTHBEARER' })
  assert.match(oauth.join(), /^the token of KAFKA_OAUTH_CLIENT_ID/)
})

test('on loopback, over TLS, by SCRAM, or where there is no secret, nothing is said', () => {
  const PLAIN = { ...secrets, KAFKA_SASL_MECHANISM: 'PLAIN' }
  assert.deepEqual(inClearText(at('localhost'), PLAIN), [])
  assert.deepEqual(inClearText(at('kafka.example', 'https'), { ...PLAIN, KAFKA_TLS: 'on' }), [])
  const SCRAM = { KAFKA_SASL_PASSWORD: 'own-secret', KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512' }
  assert.deepEqual(inClearText(at('kafka'), SCRAM), [])
  assert.deepEqual(inClearText(at('kafka'), {}), [])
})
