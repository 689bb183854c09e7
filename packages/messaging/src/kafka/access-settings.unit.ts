import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { BadConfig } from '@inorder/storage/settings.ts'
import { kafkaAccess } from './access-settings.ts'
import { registryAccess } from './registry-access.ts'

const folder = mkdtempSync(join(tmpdir(), 'access-settings-'))
after(() => rmSync(folder, { recursive: true }))
const file = (name: string, content: string) => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

const plain = { KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_SASL_USERNAME: 'me', KAFKA_SASL_PASSWORD: 'secret' }
const oauth = {
  KAFKA_SASL_MECHANISM: 'OAUTHBEARER',
  KAFKA_OAUTH_TOKEN_URL: 'https://id.example/token',
  KAFKA_OAUTH_CLIENT_ID: 'me',
  KAFKA_OAUTH_CLIENT_SECRET: 'secret',
}

test('nothing given: plain text, and nobody is asked who they are', () => {
  const { tls, sasl } = kafkaAccess({ KAFKA_TLS: '', KAFKA_SASL_USERNAME: '' })
  assert.deepEqual({ tls, sasl }, { tls: undefined, sasl: undefined })
  assert.deepEqual(registryAccess({}), {})
})

const passwordOf = (env: NodeJS.ProcessEnv) => kafkaAccess(env).sasl?.password as () => string

test('a password is the setting, or what is in the file that it names now', () => {
  assert.equal(passwordOf(plain)(), 'secret')
  const path = file('password', 'old\n')
  const { KAFKA_SASL_PASSWORD, ...rest } = plain
  const password = passwordOf({ ...rest, KAFKA_SASL_PASSWORD_FILE: path })
  assert.equal(password(), 'old')
  file('password', ' new \r\n')
  assert.equal(password(), ' new ')
  file('password', '')
  assert.equal(password(), ' new ')
  rmSync(path)
  assert.equal(password(), ' new ')
  assert.equal(kafkaAccess(plain).login, 'KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD')
  assert.equal(kafkaAccess(oauth).login, 'KAFKA_OAUTH_CLIENT_ID and KAFKA_OAUTH_CLIENT_SECRET')
  const { KAFKA_OAUTH_TOKEN_URL = '', ...withoutUrl } = oauth
  const inFiles = { ...withoutUrl, KAFKA_OAUTH_TOKEN_URL_FILE: file('url', KAFKA_OAUTH_TOKEN_URL) }
  assert.equal(kafkaAccess(inFiles).login, 'KAFKA_OAUTH_CLIENT_ID and KAFKA_OAUTH_CLIENT_SECRET')
})

test('what is half given, or is for something else, is one line that names the setting and shows no value', () => {
  const missing = join(folder, 'missing-secret')
  const bad: [NodeJS.ProcessEnv, RegExp][] = [
    [{ KAFKA_TLS: 'yes-secret' }, /KAFKA_TLS must be on or off/],
    [{ KAFKA_TLS_CA_FILE: missing }, /KAFKA_TLS_CA_FILE is set and KAFKA_TLS is not/],
    [{ KAFKA_TLS: 'on', KAFKA_TLS_CA_FILE: missing }, /KAFKA_TLS_CA_FILE names a file that cannot be read \(ENOENT\)/],
    [{ KAFKA_TLS: 'on', KAFKA_TLS_CA_FILE: file('ca', 'secret') }, /KAFKA_TLS_CA_FILE .* no certificate/],
    [{ KAFKA_TLS: 'on', KAFKA_TLS_CERT_FILE: file('cert', 'secret') }, /belong together/],
    [
      { KAFKA_TLS: 'on', KAFKA_TLS_CERT_FILE: file('cert', 'secret'), KAFKA_TLS_KEY_FILE: file('key', 'secret') },
      /KAFKA_TLS_CERT_FILE and KAFKA_TLS_KEY_FILE are no certificate/,
    ],
    [{ KAFKA_SASL_USERNAME: 'secret' }, /KAFKA_SASL_USERNAME is set and KAFKA_SASL_MECHANISM is not/],
    [{ ...plain, KAFKA_SASL_MECHANISM: 'secret' }, /KAFKA_SASL_MECHANISM must be one of PLAIN,/],
    [{ ...plain, KAFKA_SASL_PASSWORD: '' }, /KAFKA_SASL_PASSWORD is not set, and PLAIN needs it/],
    [{ ...plain, KAFKA_SASL_PASSWORD_FILE: missing }, /KAFKA_SASL_PASSWORD_FILE names a file/],
    [{ ...plain, KAFKA_SASL_PASSWORD_FILE: file('p', 'secret') }, /are both set/],
    [{ ...plain, KAFKA_SASL_PASSWORD: '', KAFKA_SASL_PASSWORD_FILE: file('empty', '\n') }, /names an empty file/],
    [{ ...oauth, KAFKA_OAUTH_SCOPE: 'secret', KAFKA_OAUTH_SCOPE_FILE: file('scope', 'secret') }, /are both set/],
    [{ ...plain, KAFKA_OAUTH_CLIENT_ID: 'secret' }, /KAFKA_OAUTH_CLIENT_ID is set, and PLAIN does not use it/],
    [{ ...oauth, KAFKA_OAUTH_CLIENT_SECRET: '' }, /KAFKA_OAUTH_CLIENT_SECRET is not set, and OAUTHBEARER needs it/],
    [{ ...oauth, KAFKA_OAUTH_TOKEN_URL: 'http://id.example/secret' }, /KAFKA_OAUTH_TOKEN_URL must be an https URL/],
    [{ ...oauth, KAFKA_OAUTH_TOKEN_URL: 'http://127.secret.example/' }, /KAFKA_OAUTH_TOKEN_URL must be an https URL/],
    [{ ...oauth, KAFKA_OAUTH_TOKEN_URL: 'https://me:secret@id.example/' }, /KAFKA_OAUTH_TOKEN_URL must be/],
  ]
  const ofRegistry: [NodeJS.ProcessEnv, RegExp][] = [
    [{ SCHEMA_REGISTRY_USERNAME: 'secret' }, /SCHEMA_REGISTRY_PASSWORD belong together/],
    [{ SCHEMA_REGISTRY_URL: 'http://me:secret@r/' }, /SCHEMA_REGISTRY_URL holds a login/],
    [{ SCHEMA_REGISTRY_URL_FILE: file('registry', 'http://me:secret@r/') }, /SCHEMA_REGISTRY_URL holds a login/],
    [
      { SCHEMA_REGISTRY_USERNAME: 'me', SCHEMA_REGISTRY_PASSWORD: 'secret', SCHEMA_REGISTRY_TOKEN: 'secret' },
      /SCHEMA_REGISTRY_TOKEN and SCHEMA_REGISTRY_USERNAME are both set/,
    ],
    [{ SCHEMA_REGISTRY_CA_FILE: missing }, /SCHEMA_REGISTRY_CA_FILE names a file/],
  ]
  const check = (read: (env: NodeJS.ProcessEnv) => unknown, env: NodeJS.ProcessEnv, pattern: RegExp) =>
    assert.throws(
      () => read(env),
      (error) => {
        assert.ok(error instanceof BadConfig)
        assert.match(error.message, pattern)
        assert.doesNotMatch(error.message, /secret|\n/)
        return true
      },
    )
  for (const [env, pattern] of bad) check(kafkaAccess, env, pattern)
  for (const [env, pattern] of ofRegistry) check(registryAccess, env, pattern)
})
