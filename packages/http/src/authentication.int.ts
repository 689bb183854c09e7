// Who is answered: a real service, a real issuer with its keys, over real sockets.
import assert from 'node:assert/strict'
import { createHmac, createPublicKey, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import { freePort } from '@inorder/testing/ports.ts'
import { until } from '@inorder/testing/until.ts'
import { CompactEncrypt, SignJWT } from 'jose'
import { digestOf } from './api-keys.ts'
import { type Answer, type Fixture, order, startFixture } from './app.fixture.ts'
import { audience, issuer, keySet, newKey, seconds, signed, startIssuer } from './issuer.fixture.ts'

const folder = mkdtempSync(join(tmpdir(), 'inorder-authentication-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const settings = (url: string) => ({ AUTH_JWKS_URL: url, AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience })
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
/** Again while the service, which is in this process, is late with what other tests have it do. */
async function read(fixture: Fixture, token: string): Promise<Answer> {
  const answer = await fixture.send('GET', '/list', undefined, bearer(token))
  return answer.text.includes('/problems/overloaded') ? read(fixture, token) : answer
}
const base64 = (value: object | string) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

function assertProblem(answer: Answer, status: number, name: string, told?: RegExp) {
  assert.deepEqual([answer.status, answer.json().type], [status, `/problems/${name}`], answer.text)
  if (told) assert.match(String(answer.json().detail), told)
}
function assertRefused(answer: Answer, told?: RegExp) {
  assertProblem(answer, 401, 'unauthenticated', told)
  const { detail } = answer.json()
  const challenge = `Bearer realm="inorder", error="invalid_token", error_description="${detail}"`
  assert.equal(answer.headers['www-authenticate'], challenge)
}

function keysFile(...keys: [key: string, scopes: string, expires?: string][]): string {
  const file = join(folder, randomBytes(4).toString('hex'))
  const lines = keys.map(([key, ...rest], n) => [`shop-${n}`, digestOf(key).toString('hex'), ...rest].join(' '))
  writeFileSync(file, lines.join('\n'))
  return file
}
/** A service that has fetched the keys of this issuer, one of which this is. */
async function believing(url: string, key: Awaited<ReturnType<typeof newKey>>): Promise<Fixture> {
  const fixture = await startFixture(settings(url))
  const token = await signed(key)
  await until('it has the keys', async () => (await read(fixture, token)).status === 200)
  return fixture
}
/** An issuer of the test's own, which names the first key, and an app that believes it. */
async function ownIssuer(t: TestContext) {
  const [first, second] = [await newKey('first'), await newKey('second')]
  const other = await startIssuer(first)
  const own = await believing(other.url, first)
  t.after(async () => {
    await own.close()
    await other.close()
  })
  return { first, second, other, own }
}
const apiKey = () => `ino_${randomBytes(32).toString('base64url')}`

suite('who calls', { concurrency: 2 }, () => {
  let its: Awaited<ReturnType<typeof startIssuer>>
  let key: Awaited<ReturnType<typeof newKey>>
  let fixture: Fixture
  before(async () => {
    key = await newKey('k-1', 'RS256')
    its = await startIssuer(key)
    fixture = await believing(its.url, key)
  })
  after(async () => {
    await fixture.close()
    await its.close()
  })

  test('without a token only open paths are answered; what is no route is still 404 and 405', async () => {
    for (const path of ['/health/live', '/health/ready', '/metrics', '/docs/', '/openapi.json', '/problems/overloaded'])
      assert.equal((await fixture.send('GET', path)).status, 200, path)
    assertProblem(await fixture.send('GET', '/nowhere'), 404, 'route-not-found')
    assertProblem(await fixture.send('DELETE', '/list'), 405, 'method-not-allowed')
    for (const [method, path, body] of [
      ['GET', '/list'],
      ['HEAD', '/list'],
      ['GET', '/orders/o-1'],
      ['POST', '/orders', order()],
    ] as const) {
      const answer = await fixture.send(method, path, body)
      assert.equal(answer.status, 401, path)
      assert.equal(answer.headers['www-authenticate'], 'Bearer realm="inorder"')
      if (method !== 'HEAD') assertProblem(answer, 401, 'unauthenticated')
    }
  })

  test('a token of the issuer is taken, again and again, by any of the asymmetric algorithms', async (t) => {
    const algorithms = ['RS256', 'RS512', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA']
    const keys = await Promise.all(algorithms.map((alg) => newKey(alg, alg)))
    const other = await startIssuer(...keys)
    const own = await believing(other.url, keys[0]!)
    t.after(async () => {
      await own.close()
      await other.close()
    })
    const { asked } = other
    for (const one of keys) {
      const token = await signed(one)
      for (const header of ['Bearer', 'bearer', 'BEARER  '])
        assert.equal((await own.send('GET', '/list', undefined, { authorization: `${header} ${token}` })).status, 200)
    }
    assert.equal(other.asked, asked, 'a key set is not fetched for each token')
  })

  test('scopes are in scope or in scp, as a text or a list; without the one that is needed it is 403, which names it', async () => {
    for (const claims of [
      { scope: 'openid orders:read' },
      { scope: undefined, scp: 'orders:read profile' },
      { scope: undefined, scp: ['orders:write', 'orders:read'] },
    ])
      assert.equal((await read(fixture, await signed(key, claims))).status, 200, JSON.stringify(claims))
    const without = [
      { scope: 'orders:write operate' },
      { scope: undefined },
      { scope: 'orders:readx' },
      { scope: '', scp: 'orders:read' },
    ]
    for (const claims of [...without, { scope: undefined, scp: { 'orders:read': true } }, { scope: 7 }]) {
      const answer = await read(fixture, await signed(key, claims))
      assertProblem(answer, 403, 'insufficient-scope', /orders:read.*ann/)
      const challenge = 'Bearer realm="inorder", error="insufficient_scope", scope="orders:read"'
      assert.equal(answer.headers['www-authenticate'], challenge)
    }
    const write = await fixture.send('POST', '/orders', order(), bearer(await signed(key)))
    assertProblem(write, 403, 'insufficient-scope', /operate/)
  })

  test('a token of another audience, issuer, time or form is refused, and told why', async () => {
    const claims: [told: RegExp, claims: Record<string, unknown>][] = [
      [/its aud is wrong/, { aud: 'another' }],
      [/its aud is wrong/, { aud: undefined }],
      [/its aud is wrong/, { aud: ['another', 'one-more'] }],
      [/its iss is wrong/, { iss: 'https://issuer.example/' }],
      [/its iss is wrong/, { iss: undefined }],
      [/its exp is wrong/, { exp: undefined }],
      [/its exp is wrong/, { exp: 'tomorrow' }],
      [/has expired/, { exp: seconds(-40) }],
      [/its nbf is wrong/, { nbf: seconds(300) }],
      [/names nobody/, { sub: '' }],
      [/names nobody/, { sub: 'a\nb' }],
      [/names nobody/, { sub: 'a\u2028b' }],
      [/names nobody/, { sub: '\ud83d' }],
      [/names nobody/, { sub: 'a'.repeat(256) }],
    ]
    for (const [told, wrong] of claims) assertRefused(await read(fixture, await signed(key, wrong)), told)
    for (const [told, token] of [
      [/cannot be read as a JWT/, 'x'],
      [/cannot be read as a JWT/, 'a.b.c'],
      [/cannot be read as a JWT/, 'e30.e30.'],
      [/8192/, 'a'.repeat(8_193)],
      [/not known/, apiKey()],
    ] as const)
      assertRefused(await read(fixture, token), told)
  })

  test('nobody signs but the issuer: no signature, a public key as a secret, another key, another payload', async () => {
    const payload = { iss: issuer, aud: audience, sub: 'eve', exp: seconds(600), scope: 'orders:read' }
    for (const alg of ['none', 'None', 'NONE'])
      for (const signature of ['', 'AAAA'])
        assertRefused(await read(fixture, `${base64({ alg })}.${base64(payload)}.${signature}`))
    // RFC 8725, 2.1: whoever checks with "the key" takes the public one for a secret.
    const pem = createPublicKey({ key: key.jwk as never, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
    for (const alg of ['HS256', 'HS384', 'HS512'])
      for (const secret of [pem, JSON.stringify(key.jwk), String(key.jwk.n)]) {
        const text = `${base64({ alg, kid: 'k-1' })}.${base64(payload)}`
        const signature = createHmac(alg.replace('HS', 'sha'), secret).update(text).digest('base64url')
        assertRefused(await read(fixture, `${text}.${signature}`), /algorithm/)
      }
    assertRefused(await read(fixture, await signed(await newKey('k-1', 'RS256'))), /signature/)
    const [header, , signature] = (await signed(key)).split('.')
    assertRefused(await read(fixture, `${header}.${base64(payload)}.${signature}`), /signature/)
    // A token that brings its own key.
    const own = await newKey('k-1', 'RS256')
    const brought = new SignJWT(payload).setProtectedHeader({ alg: 'RS256', kid: 'k-1', jwk: own.jwk })
    assertRefused(await read(fixture, await brought.sign(own.privateKey)), /signature/)
    const encrypted = new CompactEncrypt(Buffer.from(JSON.stringify(payload)))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .encrypt(randomBytes(32))
    assertRefused(await read(fixture, await encrypted))
  })

  test('Authorization is one header, and Bearer', async () => {
    const token = await signed(key)
    for (const authorization of ['', 'Bearer', 'Bearer ', `Basic ${token}`, token, `Bearer ${token} x`, 'Bearer é']) {
      const answer = await fixture.send('GET', '/list', undefined, { authorization })
      assertProblem(answer, 401, 'unauthenticated')
      assert.match(String(answer.headers['www-authenticate']), /error="invalid_request"/)
    }
    const { socket, closed } = fixture.open()
    const twice = `authorization: Bearer ${token}\r\nAuthorization: Bearer x\r\n`
    socket.end(`GET /list HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${twice}\r\n`)
    assert.match(await closed, /^HTTP\/1\.1 401 [\s\S]*two Authorization headers/)
  })

  test('a body is not looked at before it is known who calls', async () => {
    for (const body of ['{', 'x'.repeat(300_000), order({ status: '' })])
      assertProblem(await fixture.send('POST', '/orders', body), 401, 'unauthenticated')
    const type = { 'content-type': 'text/plain', 'content-length': '3' }
    assertProblem(await fixture.send('POST', '/orders', 'abc', type), 401, 'unauthenticated')
    const { socket, closed } = fixture.open()
    socket.write(
      'POST /orders HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{',
    )
    assert.match(await closed, /^HTTP\/1\.1 401 /)
  })

  test('a new key of the issuer is taken at once, and one that it does not name any more no longer', async (t) => {
    const { first, second, other, own } = await ownIssuer(t)
    const [old, fresh] = [await signed(first), await signed(second)]
    assert.equal((await read(own, old)).status, 200)
    assertRefused(await read(own, fresh), /does not name/)
    other.names(first, second)
    await until('the new key counts', async () => (await read(own, fresh)).status === 200)
    assert.equal((await read(own, old)).status, 200)
    other.names(second)
    // Whoever sends a key that nobody knows has the set fetched again.
    const unknown = await signed(await newKey('unknown'))
    await until('the old key is gone', async () => {
      await read(own, unknown)
      return (await read(own, old)).status === 401
    })
    assert.equal((await read(own, fresh)).status, 200)
  })

  test('tokens that name unknown keys do not have the set fetched for each', async (t) => {
    const other = await startIssuer(key)
    const own = await believing(other.url, key)
    t.after(async () => {
      await own.close()
      await other.close()
    })
    const { asked } = other
    const begun = performance.now()
    const unknown = await signed(await newKey('unknown'))
    for (let n = 0; n < 10; n++) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => read(own, unknown)))
      for (const answer of answers) assertRefused(answer)
    }
    const most = 1 + (performance.now() - begun) / 1_000
    assert.ok(other.asked - asked <= most, `${other.asked - asked} fetches, ${most} are the most`)
  })

  test('an issuer that goes away later: its keys stay in use, and what it has not named is 401', async (t) => {
    const other = await startIssuer(key)
    const own = await believing(other.url, key)
    t.after(async () => {
      await own.close()
      await other.close()
    })
    assert.equal((await read(own, await signed(key))).status, 200)
    await other.close()
    const unknown = await signed(await newKey('unknown'))
    const says = () => own.logged.some(({ msg }) => /those fetched before stay in use/.test(String(msg)))
    await until('it says so', async () => {
      assertRefused(await read(own, unknown), /does not name/)
      return says()
    })
    // Not one that is remembered.
    assert.equal((await read(own, await signed(key, { sub: 'bob' }))).status, 200)
    // What is no key set is as good as none.
    for (const answer of ['no JSON', '{}', keySet(), JSON.stringify({ keys: Array(101).fill(key.jwk) })]) {
      const asked = other.asked
      other.answer = (_request, response) => response.end(answer)
      await other.open()
      await until('it is asked', async () => {
        assertRefused(await read(own, unknown))
        return other.asked > asked
      })
      assert.equal((await read(own, await signed(key, { sub: answer.slice(0, 9) }))).status, 200)
      await other.close()
    }
  })

  test('while no key set was ever fetched a JWT is 503; an API key, and what is open, is answered', async (t) => {
    const shop = apiKey()
    const port = await freePort()
    const file = keysFile([shop, 'orders:read'])
    const own = await startFixture({ ...settings(`http://127.0.0.1:${port}/keys`), API_KEYS_FILE: file })
    t.after(() => own.close())
    for (let n = 0; n < 3; n++) {
      const answer = await read(own, await signed(key))
      assertProblem(answer, 503, 'auth-unavailable')
      assert.equal(answer.headers['retry-after'], '1')
    }
    assert.equal((await read(own, shop)).status, 200)
    assert.equal((await own.send('GET', '/health/ready')).status, 200)
    assertProblem(await own.send('GET', '/list'), 401, 'unauthenticated')
  })

  test('an issuer that does not answer, or with what is no key set, is as one that is not there; once it is, it counts', async (t) => {
    const other = await startIssuer(key)
    t.after(() => other.close())
    const elsewhere = await startIssuer(key)
    t.after(() => elsewhere.close())
    const good = other.answer
    for (const answer of [
      () => {},
      (_request, response) => response.writeHead(500).end(keySet(key)),
      (_request, response) => response.writeHead(302, { location: elsewhere.url }).end(),
      (_request, response) => response.end(keySet(key).padEnd(300_000)),
      (_request, response) => response.end('[]'),
    ] satisfies (typeof other.answer)[]) {
      other.answer = answer
      const own = await startFixture(settings(other.url))
      const begun = performance.now()
      assertProblem(await read(own, await signed(key)), 503, 'auth-unavailable')
      assert.ok(performance.now() - begun < 10_000)
      other.answer = good
      await until('it counts', async () => (await read(own, await signed(key))).status === 200)
      await own.close()
    }
    assert.equal(elsewhere.asked, 0, 'a redirect is not followed')
  })

  test('an API key is taken until it expires, with its scopes; another one is refused', async (t) => {
    const [shop, desk, gone] = [apiKey(), apiKey(), apiKey()]
    const file = keysFile(
      [shop, 'orders:read,orders:write', new Date(Date.now() + 60_000).toISOString()],
      [desk, 'operate'],
      [gone, 'orders:read', new Date(Date.now() - 1_000).toISOString()],
    )
    const own = await startFixture({ API_KEYS_FILE: file })
    t.after(() => own.close())
    assert.equal((await read(own, shop)).status, 200)
    assert.equal((await own.send('POST', '/orders', order(), bearer(desk))).status, 201)
    assertProblem(
      await own.send('POST', '/orders', order(), bearer(shop)),
      403,
      'insufficient-scope',
      /operate.*shop-0/,
    )
    assertProblem(await read(own, desk), 403, 'insufficient-scope', /orders:read.*shop-1/)
    assertRefused(await read(own, gone), /expired/)
    for (const wrong of [apiKey(), `${shop}x`, shop.slice(0, -1), 'ino_', digestOf(shop).toString('hex')])
      assertRefused(await read(own, wrong))
    assertRefused(await read(own, await signed(key)), /API keys only/)
    assert.ok(!JSON.stringify(own.logged).includes(shop), 'no key is in the log')
  })

  test('who guesses meets RATE_LIMIT', async (t) => {
    const own = await startFixture({ API_KEYS_FILE: keysFile([apiKey(), 'orders:read']), RATE_LIMIT: 5 })
    t.after(() => own.close())
    const guesses = await Promise.all(Array.from({ length: 50 }, async () => (await read(own, apiKey())).status))
    assert.deepEqual([...new Set(guesses)].sort(), [401, 429])
  })

  test('a file of keys that cannot be read ends the start with what is wrong', async () => {
    const file = keysFile([apiKey(), 'orders:read'], [apiKey(), 'orders:admin'])
    await assert.rejects(startFixture({ API_KEYS_FILE: file }), {
      name: 'BadConfig',
      message: `bad configuration: API_KEYS_FILE ${file}: line 2: unknown scope "orders:admin" of shop-1: there are orders:read, orders:write, operate`,
    })
    await assert.rejects(startFixture({ API_KEYS_FILE: join(folder, 'nowhere') }), /^BadConfig: .*ENOENT/)
  })

  test('off loopback a token in clear text is said to be one', async (t) => {
    const file = keysFile([apiKey(), 'orders:read'])
    const warns = async (access: object) => {
      const own = await startFixture({ API_KEYS_FILE: file, ...access })
      t.after(() => own.close())
      return own.logged.some(({ msg }) => /clear text/.test(String(msg)))
    }
    assert.equal(await warns({}), false)
    assert.equal(await warns({ HOST: '0.0.0.0' }), true)
    assert.equal(await warns({ HOST: '0.0.0.0', TRUST_PROXY: '10.0.0.0/8' }), false)
  })

  test('a token that comes around the proxy, or over plain HTTP to it, is said to be in clear text, once a minute', async (t) => {
    const shop = apiKey()
    const own = await startFixture({
      HOST: '0.0.0.0',
      TRUST_PROXY: '10.0.0.5',
      API_KEYS_FILE: keysFile([shop, 'orders:read']),
    })
    t.after(() => own.close())
    const ask = (remoteAddress: string, proto?: string) =>
      own.app.inject({
        url: '/list',
        remoteAddress,
        headers: { authorization: `Bearer ${shop}`, ...(proto && { 'x-forwarded-proto': proto }) },
      })
    const warned = () => own.logged.filter(({ msg }) => /came in clear text/.test(String(msg))).map(({ from }) => from)
    assert.equal((await ask('10.0.0.5', 'https')).headers['strict-transport-security'], 'max-age=31536000')
    await ask('127.0.0.1')
    assert.deepEqual(warned(), [])
    // Nobody else is believed.
    assert.equal((await ask('10.0.0.6', 'https')).headers['strict-transport-security'], undefined)
    await ask('10.0.0.5', 'http')
    assert.deepEqual(warned(), ['10.0.0.6'])
  })
})

// These turn the clock, which is everybody's.
suite('who calls, as time goes by', () => {
  test('30 s of difference between the clocks are borne, and no more, whether the token was seen before or not', async (t) => {
    const key = await newKey('k-1')
    const its = await startIssuer(key)
    const own = await believing(its.url, key)
    t.after(async () => {
      await own.close()
      await its.close()
    })
    const at = seconds(0)
    const [seen, other] = await Promise.all(['ann', 'bob'].map((sub) => signed(key, { sub, nbf: at, exp: at + 100 })))
    t.mock.timers.enable({ apis: ['Date'], now: at * 1_000 })
    const answers = async (second: number, ...tokens: (string | undefined)[]) => {
      t.mock.timers.setTime((at + second) * 1_000)
      return Promise.all(tokens.map(async (token = '') => (await read(own, token)).status))
    }
    assert.deepEqual(await answers(-32, seen), [401])
    assert.deepEqual(await answers(-29, seen), [200])
    assert.deepEqual(await answers(128, seen, other), [200, 200])
    assert.deepEqual(await answers(132, seen, other), [401, 401])
  })

  test('a key set is fetched again every 10 minutes, whoever asks or not', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const { first, second, other, own } = await ownIssuer(t)
    const old = await signed(first)
    assert.equal((await read(own, old)).status, 200)
    other.names(second)
    await until('the old key is gone', async () => {
      t.mock.timers.tick(600_000)
      return (await read(own, old)).status === 401
    })
  })
})
