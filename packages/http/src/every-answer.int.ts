// What stands on every answer, whatever was asked and whoever answers it.
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { until } from '@inorder/testing/until.ts'
import { type Fixture, order, startFixture } from './app.fixture.ts'

const made = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/

suite('every answer', { concurrency: true }, () => {
  let fixture: Fixture
  before(async () => {
    fixture = await startFixture()
  })
  after(() => fixture.close())

  const requests: [method: string, path: string, body?: unknown, headers?: Record<string, string>][] = [
    ['GET', '/list'],
    ['POST', '/orders', order()],
    ['POST', '/orders', order({ status: '' })],
    ['POST', '/orders', '{'],
    ['POST', '/orders', 'x'.repeat(300_000)],
    ['DELETE', '/list'],
    ['OPTIONS', '/list'],
    ['GET', '/nowhere'],
    ['GET', '/orders/%'],
    ['GET', '/broken'],
    ['GET', '/list', undefined, { host: 'evil.example' }],
    ['GET', '/list', undefined, { expect: '200-maybe' }],
    ['GET', '/health/live'],
    ['GET', '/docs/'],
    ['GET', '/openapi.json'],
    ['GET', '/problems/overloaded'],
  ]

  test('has the X-Request-Id of its request, and each problem names it', async () => {
    const longest = 'a'.repeat(128)
    for (const id of ['r-1', 'AZaz09._:/+=-', longest])
      for (const [method, path, body, headers] of requests) {
        const answer = await fixture.send(method, path, body, { ...headers, 'x-request-id': id })
        assert.equal(answer.headers['x-request-id'], id, `${method} ${path}`)
        if (answer.status >= 400) assert.equal(answer.json().requestId, id, `${method} ${path}`)
      }
  })

  test('where the request has none, or one that is none, has one of ours: another each time', async () => {
    const seen = new Set<string>()
    const none: Record<string, string>[] = [{}]
    for (const id of ['', 'a'.repeat(129), 'a b', 'a,b', 'é', '{"a":1}', 'a"b', 'a%20b'])
      none.push({ 'x-request-id': id })
    for (const given of none)
      for (const [method, path, body, headers] of requests) {
        const answer = await fixture.send(method, path, body, { ...headers, ...given })
        const id = String(answer.headers['x-request-id'])
        assert.match(id, made, `${method} ${path} ${JSON.stringify(given)}`)
        if (answer.status >= 400) assert.equal(answer.json().requestId, id, `${method} ${path}`)
        seen.add(id)
      }
    assert.equal(seen.size, none.length * requests.length)
  })

  test('two X-Request-Id are none, and what is no request has one too', async () => {
    for (const sent of [
      'GET /list HTTP/1.1\r\nhost: localhost\r\nx-request-id: a\r\nx-request-id: b\r\nconnection: close\r\n\r\n',
      'POST /orders HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
      'CONNECT other:443 HTTP/1.1\r\nhost: other:443\r\n\r\n',
      'hello\r\n\r\n',
    ]) {
      const { socket, closed } = fixture.open()
      socket.write(sent)
      const answer = await closed
      const id = /^x-request-id: (.*)\r$/im.exec(answer)?.[1] ?? assert.fail(answer)
      assert.match(id, made)
      if (!answer.startsWith('HTTP/1.1 200')) assert.ok(answer.includes(`"requestId":"${id}"`), answer)
    }
  })

  test('a request whose body breaks is answered under its own X-Request-Id', async () => {
    const { socket, closed } = fixture.open()
    socket.write(
      'POST /orders HTTP/1.1\r\nhost: localhost\r\nx-request-id: mine\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
    )
    assert.match(await closed, /^HTTP\/1\.1 400 .*^x-request-id: mine\r$.*"requestId":"mine"/ims)
  })
})

suite('what browsers, caches and others may do', () => {
  let fixture: Fixture
  before(async () => {
    fixture = await startFixture()
  })
  after(() => fixture.close())

  test('nothing that was answered is kept, shown in a frame, sniffed, or read by a page of another origin', async () => {
    const paths = ['/list', '/nowhere', '/broken', '/health/live', '/metrics', '/openapi.json', '/problems/overloaded']
    for (const path of paths) {
      const { headers } = await fixture.send('GET', path, undefined, { origin: 'http://evil.example' })
      assert.equal(headers['cache-control'], 'no-store', path)
      assert.equal(headers['content-security-policy'], "default-src 'none';frame-ancestors 'none'", path)
      assert.equal(headers['x-content-type-options'], 'nosniff', path)
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin', path)
      // Over plain HTTP, and without CORS.
      for (const name of ['strict-transport-security', 'access-control-allow-origin'])
        assert.equal(headers[name], undefined, `${name} at ${path}`)
    }
    const asks = { origin: 'http://evil.example', 'access-control-request-method': 'POST' }
    const preflight = await fixture.send('OPTIONS', '/orders', undefined, asks)
    assert.deepEqual(
      Object.keys(preflight.headers).filter((name) => name.startsWith('access-control')),
      [],
    )
  })

  test('the page at /docs has a policy of its own, without upgrades of what it asks for', async () => {
    const { headers } = await fixture.send('GET', '/docs/')
    assert.match(String(headers['content-security-policy']), /^default-src 'self'; script-src 'self' 'unsafe-inline'/)
    assert.doesNotMatch(String(headers['content-security-policy']), /upgrade-insecure-requests/)
    assert.match(String(headers['content-security-policy']), /frame-ancestors 'none'/)
  })

  test('RATE_LIMIT: more requests a second of one address are 429, but for health and metrics', async (t) => {
    const limited = await startFixture({ RATE_LIMIT: 5 })
    t.after(limited.close)
    const many = (path: string) => Promise.all(Array.from({ length: 30 }, () => limited.send('GET', path)))
    const refused = (await many('/list')).filter(({ status }) => status === 429)
    assert.ok(refused.length > 0)
    for (const { headers, json } of refused) {
      assert.deepEqual([json().type, json().status], ['/problems/rate-limited', 429])
      assert.match(String(headers['retry-after']), /^[1-9]\d*$/)
    }
    for (const path of ['/health/live', '/health/ready', '/metrics'])
      assert.ok(
        (await many(path)).every(({ status }) => status === 200),
        path,
      )
    assert.ok(
      (await Promise.all(Array.from({ length: 30 }, () => fixture.send('GET', '/list')))).every(
        (a) => a.status === 200,
      ),
    )
    await until('the next second', async () => (await limited.send('GET', '/list')).status === 200)
  })
})
