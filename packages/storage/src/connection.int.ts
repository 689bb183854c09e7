// sslmode and what belongs to it, against a server that wants TLS of some roles: it means what libpq says.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Certificates, makeCertificates } from '@inorder/testing/certificates.ts'
import { serverUrl } from '@inorder/testing/parts.ts'
import { speakTls } from '@inorder/testing/postgres-tls.ts'
import { until } from '@inorder/testing/until.ts'
import pg from 'pg'
import { clientOf, connectionOf } from './connection.ts'
import { databaseDenial } from './database-denied.ts'
import { isDatabaseUnavailable } from './database-unavailable.ts'
import { openPool } from './pool.ts'

const folder = mkdtempSync(join(tmpdir(), 'connection-'))
const certificates: Certificates = makeCertificates(folder, 'tls_certificate')
const { ca, otherCa, client } = certificates
const server = clientOf(serverUrl(), {})
const rules = `
hostssl   all tls_password    all scram-sha-256
hostnossl all tls_password    all reject
hostssl   all tls_certificate all cert`

before(async () => {
  await server.connect()
  // Nothing of this concerns the other roles of the server.
  await server.query(`CREATE ROLE tls_password LOGIN PASSWORD 'own-secret'`)
  await server.query('CREATE ROLE tls_certificate LOGIN')
})
after(async () => {
  await server.query('DROP ROLE tls_password, tls_certificate')
  await server.end()
  rmSync(folder, { recursive: true })
})

function url(
  parameters: Record<string, string>,
  { user = 'tls_password:own-secret', host = '127.0.0.1' } = {},
): string {
  const target = new URL(serverUrl())
  const query = new URLSearchParams(parameters)
  return `postgres://${user}@${host}:${target.port}/postgres?${query}`
}

/** Whether the session is encrypted. */
async function isEncrypted(url: string, env?: NodeJS.ProcessEnv): Promise<boolean> {
  const one = env ? new pg.Client(connectionOf(url, env)) : clientOf(url, { connectionTimeoutMillis: 5_000 })
  one.on('error', () => {})
  await one.connect()
  const { rows } = await one.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
  await one.end()
  return rows[0].ssl
}

const denied = (url: string, pattern: RegExp) =>
  assert.rejects(isEncrypted(url), (error) => {
    const denial = databaseDenial(error)
    assert.match(denial ?? String(error), pattern)
    assert.doesNotMatch(denial ?? '', /-secret|\n/)
    assert.ok(isDatabaseUnavailable(error))
    return true
  })

test('a server without TLS: who prefers it goes without, who demands it is refused', async () => {
  const user = { user: 'postgres' }
  for (const sslmode of ['disable', 'allow', 'prefer']) assert.equal(await isEncrypted(url({ sslmode }, user)), false)
  await denied(url({ sslmode: 'require' }, user), /no TLS: mend sslmode in DATABASE_URL/)
})

test('a server that wants TLS: each mode trusts what libpq would, and what is wrong names the setting', async () => {
  await speakTls(server, certificates, rules)
  await until('the server speaks TLS', () => isEncrypted(url({ sslmode: 'require' })))

  const asks: [Record<string, string>, string][] = [
    [{ sslmode: 'allow' }, '127.0.0.1'],
    [{ sslmode: 'prefer' }, '127.0.0.1'],
    [{ sslmode: 'require' }, '127.0.0.1'],
    [{ sslmode: 'require', sslrootcert: ca }, '127.0.0.1'],
    [{ sslmode: 'verify-ca', sslrootcert: ca }, '127.0.0.1'],
    [{ sslmode: 'verify-full', sslrootcert: ca }, 'localhost'],
  ]
  for (const [parameters, host] of asks)
    assert.equal(await isEncrypted(url(parameters, { host })), true, parameters.sslmode)

  await denied(url({}), /28000|lets nobody in.*sslmode/)
  await denied(url({ sslmode: 'disable' }), /lets nobody in.*sslmode/)
  for (const sslmode of ['require', 'verify-ca', 'verify-full'])
    await denied(url({ sslmode, sslrootcert: otherCa }, { host: 'localhost' }), /not trusted: mend sslrootcert/)
  await denied(url({ sslmode: 'verify-full' }, { host: 'localhost' }), /not trusted: mend sslrootcert/)
  await denied(url({ sslmode: 'verify-full', sslrootcert: ca }), /another host/)
  await denied(
    url({ sslmode: 'require' }, { user: 'tls_password:wrong-secret' }),
    /password: mend DATABASE_URL or PGPASSWORD/,
  )

  const certificate = { sslmode: 'verify-ca', sslrootcert: ca, sslcert: client.cert, sslkey: client.key }
  assert.equal(await isEncrypted(url(certificate, { user: 'tls_certificate' })), true)
  await denied(url({ sslmode: 'require' }, { user: 'tls_certificate' }), /lets nobody in/)
  const ofPool = openPool({ url: url({ sslmode: 'prefer' }), name: 'tls', max: 1 })
  assert.equal((await ofPool.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).rows[0].ssl, true)
  await ofPool.end()
})

test('what the URL does not say comes from the environment, as with libpq; a password also from a file, at each login', async () => {
  const file = join(folder, 'password')
  writeFileSync(file, 'wrong-secret\n')
  const bare = url({}, { user: 'tls_password' })
  const env = { PGSSLMODE: 'verify-ca', PGSSLROOTCERT: ca, PGPASSWORD_FILE: file }
  await assert.rejects(isEncrypted(bare, env), (error) => /PGPASSWORD/.test(databaseDenial(error) ?? ''))
  writeFileSync(file, 'own-secret\n')
  assert.equal(await isEncrypted(bare, env), true)
})

test('half given or unknown: one line, and nothing of the URL in it', () => {
  const bad: [Record<string, string>, RegExp][] = [
    [{ sslmode: 'no-verify' }, /sslmode .* must be one of disable,/],
    [{ sslmode: 'verify-ca' }, /verify-ca .* needs sslrootcert/],
    [{ sslmode: 'require', sslcert: client.cert }, /belong together/],
    [{ sslmode: 'require', sslrootcert: join(folder, 'missing') }, /sslrootcert names a file that cannot be read/],
    [{ sslmode: 'require', sslcert: client.cert, sslkey: ca }, /no certificate and its key/],
  ]
  for (const [parameters, pattern] of bad)
    assert.throws(
      () => connectionOf(url(parameters)),
      (error: Error) => pattern.test(error.message) && !/secret|\n/.test(error.message),
    )
})
