// The console as a process that asks who calls. Behind it nothing answers but one server, which notes what it is shown, and
// whose certificate is of a CA of its own.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Timeline } from '@inorder/contracts/timeline.ts'
import { digestOf } from '@inorder/http/api-keys.ts'
import { makeCertificates } from '@inorder/testing/certificates.ts'
import { type ServiceProcess, startService } from '@inorder/testing/service-process.ts'
import { until } from '@inorder/testing/until.ts'

const key = 'ino_ann'
const nowhere = 'http://127.0.0.1:1'
const html = { accept: 'text/html,*/*' }

suite('signing in at the console', () => {
  const folder = mkdtempSync(join(tmpdir(), 'inorder-sign-in-'))
  const file = join(folder, 'keys')
  writeFileSync(file, `ann ${digestOf(key).toString('hex')} orders:read\n`)
  const shown: IncomingHttpHeaders[] = []
  const { ca, server } = makeCertificates(folder)
  const keyPair = { cert: readFileSync(server.cert), key: readFileSync(server.key) }
  const cart = createServer(keyPair, (request, response) => {
    shown.push(request.headers)
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"items":[],"next":null,"events":[]}')
  })
  let service: ServiceProcess
  /** Where the cart is, and whose certificates are believed. */
  let reaching: Record<string, string>
  before(async () => {
    await once(cart.listen(0, '127.0.0.1'), 'listening')
    const { port } = cart.address() as AddressInfo
    reaching = { CART_URL: `https://localhost:${port}`, NODE_EXTRA_CA_CERTS: ca }
    service = await startService(new URL('main.ts', import.meta.url), {
      API_KEYS_FILE: file,
      ...reaching,
      ORDER_URL: nowhere,
      INVENTORY_URL: nowhere,
      BILLING_URL: nowhere,
      SHIPPING_URL: nowhere,
    })
    await service.ready()
  })
  after(async () => {
    await service.stop()
    cart.close()
    cart.closeAllConnections()
    rmSync(folder, { recursive: true })
  })

  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(service.url + path, { headers, redirect: 'manual' })
  const post = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(service.url + path, {
      method: 'POST',
      redirect: 'manual',
      headers: { origin: service.url, ...headers },
      body: new URLSearchParams(fields),
    })
  async function signedIn(credential = key): Promise<string> {
    const answer = await post('/sign-in', { credential, to: '/orders/o-1' })
    assert.deepEqual([answer.status, answer.headers.get('location')], [303, '/orders/o-1'])
    const [cookie = '', ...attributes] = answer.headers.get('set-cookie')?.split('; ') ?? []
    assert.deepEqual(attributes, ['HttpOnly', 'SameSite=Strict', 'Path=/', 'Max-Age=28800'])
    assert.ok(!cookie.includes(credential))
    return cookie
  }

  test('nobody sees a page without it: they are shown where to sign in; a program gets its 401', async () => {
    const page = await get('/?"><script>', html)
    assert.equal(page.status, 401)
    const text = await page.text()
    assert.match(text, /<form method="post" action="\/sign-in">/)
    assert.doesNotMatch(text, /<script>/)
    assert.match(page.headers.get('content-security-policy') ?? '', /script-src 'self';/)
    assert.doesNotMatch(page.headers.get('content-security-policy') ?? '', /unsafe/)
    const call = await get('/timeline/o-1')
    assert.deepEqual([call.status, call.headers.get('content-type')], [401, 'application/problem+json'])
  })

  test('signed in, the user is shown to the services as who they are, and nobody else is', async () => {
    const cookie = await signedIn()
    shown.length = 0
    const answer = await get('/timeline/o-1', { cookie })
    assert.equal(answer.status, 200)
    const { verdict, services } = (await answer.json()) as Timeline
    assert.equal(services.cart?.reachable, true, verdict.sentence)
    assert.deepEqual([verdict.state, verdict.cause, verdict.service], ['unknown', 'service-unreachable', 'order'])
    assert.ok(shown.length > 0)
    for (const { authorization, cookie } of shown)
      assert.deepEqual([authorization, cookie], [`Bearer ${key}`, undefined])
    assert.equal((await get('/', { cookie, ...html })).status, 200)
  })

  test('the command line believes that CA as well', async () => {
    const main = fileURLToPath(new URL('../../../packages/cli/src/main.ts', import.meta.url))
    const env = { PATH: process.env.PATH, ...reaching }
    const { stdout } = await promisify(execFile)(process.execPath, [main, 'parked', '--service=cart'], { env })
    assert.equal(stdout, 'Nothing is held up.\n')
  })

  test('a link of another site finds the cookie once the page has loaded itself', async () => {
    const page = await get('/', { ...html, 'sec-fetch-site': 'cross-site' })
    assert.match(await page.text(), /http-equiv="refresh" content="0"/)
  })

  test('a key that does not count is told at the first page, and what is none at once', async () => {
    const page = await get('/', { cookie: await signedIn('ino_nobody'), ...html })
    assert.equal(page.status, 401)
    assert.match(await page.text(), /The API key is not known here/)
    const wrong = await post('/sign-in', { credential: 'two words', to: '/' })
    assert.deepEqual([wrong.status, wrong.headers.get('set-cookie')], [400, null])
  })

  test('what leads elsewhere leads home', async () => {
    for (const to of ['https://evil.example/', '//evil.example', '/\\evil.example', 'javascript:alert(1)'])
      assert.equal((await post('/sign-in', { credential: key, to })).headers.get('location'), '/')
  })

  test('writes come from a page of the console: neither from another one nor from nobody knows where', async () => {
    const cookie = await signedIn()
    const status = async (headers: Record<string, string>) => {
      const answer = await fetch(`${service.url}/sign-out`, { method: 'POST', redirect: 'manual', headers })
      return answer.status
    }
    assert.equal(await status({ cookie, origin: 'http://127.0.0.1:3001' }), 403)
    assert.equal(await status({ cookie }), 403)
    assert.equal(await status({ cookie, origin: service.url }), 303)
  })

  test('a live page ends once its session is signed out, or its key counts no more', { timeout: 30_000 }, async () => {
    const live = async () => {
      const cookie = await signedIn()
      const page = await get('/live/topics', { cookie })
      const reader = page.body?.getReader() ?? assert.fail()
      assert.match(Buffer.from((await reader.read()).value ?? []).toString(), /^event: page\n/)
      const ended = async () => {
        while (!(await reader.read()).done);
        return (await get('/live/topics', { cookie })).status
      }
      return { cookie, ended }
    }
    const [first, second] = [await live(), await live()]
    await post('/sign-out', {}, { cookie: first.cookie })
    assert.equal(await first.ended(), 401)
    assert.equal((await get('/topics', { cookie: second.cookie })).status, 200, 'the other session goes on')
    const known = readFileSync(file)
    writeFileSync(file, '')
    assert.equal(await second.ended(), 401)
    writeFileSync(file, known)
    await until('the key counts again', async () => (await get('/topics', { cookie: second.cookie })).status === 200)
  })

  test('signed out, or with a cookie that was tampered with, nobody is known', async () => {
    const cookie = await signedIn()
    const { headers } = await post('/sign-out', {}, { cookie })
    assert.match(headers.get('set-cookie') ?? '', /^inorder-session=; .*Max-Age=0$/)
    const other = `${cookie.slice(0, -4)}${cookie.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`
    for (const cookie of ['inorder-session=', other, 'inorder-session=a.b.c.d.e'])
      assert.equal((await get('/timeline/o-1', { cookie })).status, 401)
  })
})
