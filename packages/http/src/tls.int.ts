// A service that ends TLS itself.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { until } from '@inorder/testing/until.ts'
import { startFixture } from './app.fixture.ts'

const folder = mkdtempSync(join(tmpdir(), 'inorder-tls-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function certificate(name: string) {
  const files = { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) }
  const made = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  execFileSync('openssl', ['req', ...made, ...subject, '-keyout', files.key, '-out', files.cert], { stdio: 'pipe' })
  return files
}

suite('TLS', () => {
  let files: ReturnType<typeof certificate>
  let fixture: Awaited<ReturnType<typeof startFixture>>
  let ca: string
  before(async () => {
    files = certificate('own')
    ca = readFileSync(files.cert, 'utf8')
    fixture = await startFixture({ TLS_CERT_FILE: files.cert, TLS_KEY_FILE: files.key })
  })
  after(() => fixture.close())

  function read(path: string, agent?: Agent): Promise<{ status?: number; text: string }> {
    return new Promise((resolve, reject) => {
      const call = get(`https://127.0.0.1:${fixture.port}${path}`, { ca, agent: agent ?? false }, async (response) => {
        const text = Buffer.concat(await response.toArray()).toString()
        resolve({ ...(response.statusCode && { status: response.statusCode }), text })
      })
      call.on('error', reject)
    })
  }

  test('it answers over TLS 1.2 and later, and nothing else', async () => {
    assert.equal((await read('/list')).status, 200)
    assert.equal((await read('/docs/')).status, 200)
    const old = connectTls({ host: '127.0.0.1', port: fixture.port, ca, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })
    await assert.rejects(once(old, 'secureConnect'))
    const plain = connect(fixture.port, '127.0.0.1')
    plain.write('GET /list HTTP/1.1\r\nhost: localhost\r\n\r\n')
    const pieces: Buffer[] = []
    plain.on('data', (piece) => pieces.push(piece)).on('error', () => {})
    await once(plain, 'close')
    assert.doesNotMatch(Buffer.concat(pieces).toString(), /200|limit/)
    assert.equal((await read('/list')).status, 200)
  })

  test('what it cannot start with is one line', async () => {
    const other = certificate('other')
    const start = (TLS_CERT_FILE: string, TLS_KEY_FILE: string) => startFixture({ TLS_CERT_FILE, TLS_KEY_FILE })
    writeFileSync(join(folder, 'text'), 'no certificate')
    for (const [cert, key, told] of [
      [files.cert, other.key, /key values mismatch/],
      [join(folder, 'text'), files.key, /PEM/],
      [join(folder, 'nowhere'), files.key, /ENOENT/],
    ] as const)
      await assert.rejects(start(cert, key), (error: Error) => {
        assert.equal(error.name, 'BadConfig')
        assert.match(error.message, /^bad configuration: TLS_CERT_FILE and TLS_KEY_FILE [^\n]*$/)
        return told.test(error.message)
      })
  })

  test('a renewed certificate is for new connections, without a restart; files that are none leave that of before', async (t) => {
    const renewed = { cert: join(folder, 'renewed.pem'), key: join(folder, 'renewed.key') }
    const take = ({ cert, key }: typeof files) => {
      copyFileSync(cert, renewed.cert)
      copyFileSync(key, renewed.key)
    }
    const [first, second] = [certificate('first'), certificate('second')]
    take(first)
    const own = await startFixture({ TLS_CERT_FILE: renewed.cert, TLS_KEY_FILE: renewed.key })
    t.after(() => own.close())
    const isShown = async ({ cert }: typeof files) => {
      const socket = connectTls({ host: '127.0.0.1', port: own.port, ca: readFileSync(cert), servername: 'localhost' })
      const isTrusted = once(socket, 'secureConnect').then(
        () => true,
        () => false,
      )
      return isTrusted.finally(() => socket.destroy())
    }
    assert.deepEqual([await isShown(first), await isShown(second)], [true, false])
    take({ cert: second.cert, key: first.key })
    await until('it says that they are none', () =>
      own.logged.some(({ msg }) => /are no certificate/.test(String(msg))),
    )
    assert.equal(await isShown(first), true)
    take(second)
    await until('the second is shown', () => isShown(second))
    const old = connectTls({
      host: '127.0.0.1',
      port: own.port,
      ca: readFileSync(second.cert),
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
    })
    await assert.rejects(once(old, 'secureConnect'))
  })

  // The last one: it stops the service.
  test('at the end an answer under way is not cut, and what is idle is closed', async () => {
    const agent = new Agent({ keepAlive: true })
    await read('/list', agent)
    const [idle] = Object.values(agent.freeSockets).flat()
    assert.ok(idle)
    const held = read('/held', new Agent())
    const handshake = connect(fixture.port, '127.0.0.1')
    await once(handshake, 'connect')
    await until('it is under way', async () => (await read('/list')).status === 200)
    const isClosed = once(idle, 'close')
    const ended = fixture.app.close()
    await isClosed
    fixture.release()
    assert.deepEqual(await held, { status: 200, text: '{"done":true}' })
    handshake.destroy()
    await ended
  })
})
