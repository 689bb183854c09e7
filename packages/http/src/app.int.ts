import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { after, before, suite, test } from 'node:test'
import { problems } from '@inorder/contracts/problems.ts'
import { Ajv, type SchemaObject } from 'ajv'
import { type Answer, type Fixture, order, startFixture } from './app.fixture.ts'

suite('what every service answers alike', () => {
  let fixture: Fixture
  before(async () => {
    fixture = await startFixture()
  })
  after(() => fixture.close())

  const get = (path: string): Promise<Answer> => fixture.send('GET', path)

  function assertProblem(answer: Answer, status: number, name: string) {
    assert.equal(answer.status, status, answer.text)
    assert.equal(answer.headers['content-type'], 'application/problem+json')
    assert.equal(answer.json().type, `/problems/${name}`)
    assert.ok(answer.json().detail && answer.json().instance)
    return answer
  }

  const ids = [
    'żółw-注文-🛒',
    '🛒'.repeat(128),
    'a/b//c',
    '...',
    '../../etc',
    '%2F%00',
    '%',
    '%zz',
    ' a b ',
    'a+b',
    '?a=1&b=2#c',
    'back\\slash',
    '__proto__',
    'constructor',
    '*',
    ':orderId',
    ';x=1',
    '@order-events:0:0',
    'é',
    'e\u0301',
  ]

  test('every valid id works in a path and in a query, and its Location leads to it', async () => {
    for (const orderId of ids) {
      const created = await fixture.send('POST', '/orders', order({ orderId }))
      assert.equal(created.status, 201, `${orderId}: ${created.text}`)
      const { location = '' } = created.headers
      assert.match(location, /^\/orders\/[\x21-\x7e]+$/)
      for (const path of [location, `/orders/${encodeURIComponent(orderId)}`]) {
        assert.deepEqual((await get(path)).json(), { orderId }, path)
      }
      const inQuery = await get(`/list?orderId=${encodeURIComponent(orderId)}`)
      assert.deepEqual(inQuery.json(), { orderId, limit: 100 })
    }
  })

  test('an id that cannot be is a 400', async () => {
    for (const id of ['%00', '%0A', 'x'.repeat(129), '%F0%9F%9B%92'.repeat(129), 'x'.repeat(10_000)])
      assertProblem(await get(`/orders/${id}`), 400, 'invalid-request')
    for (const id of ['.', '..', '%2E', '%2e%2E']) assertProblem(await get(`/orders/${id}`), 400, 'invalid-request')
    for (const orderId of ['.', '..']) {
      assertProblem(await fixture.send('POST', '/orders', order({ orderId })), 400, 'invalid-request')
      assertProblem(await get(`/list?orderId=${orderId}`), 400, 'invalid-request')
    }
    for (const id of ['%', '%zz', '%C3%28', '%ED%A0%BD', 'a%2']) {
      const { errors } = assertProblem(await get(`/orders/${id}`), 400, 'bad-url').json()
      assert.deepEqual(errors, [{ field: 'path', message: 'is not percent-encoded UTF-8' }])
      assertProblem(await fixture.send('DELETE', `/orders/${id}`), 400, 'bad-url')
    }
  })

  test('a query is read strictly', async () => {
    assert.deepEqual((await get('/list')).json(), { limit: 100 })
    for (const wait of ['0.5', '0.30000000000000004', '0', '30.0', '1e-7', '2.5E1'])
      assert.deepEqual((await get(`/list?limit=1000&wait=${wait}`)).json(), { limit: 1000, wait: Number(wait) })
    const refused: [query: string, field: string][] = [
      ...['0', '1001', '-1', '1.5', '1.0', '01', 'x', '', '+1', '%201', '0x10', '1e2', '%D9%A1', '9'.repeat(30)].map(
        (value): [string, string] => [`limit=${value}`, 'limit'],
      ),
      ...['31', '-1', 'x', '', '.', '.5', '5.', '05', '0x1', '1e9999', 'Infinity', 'NaN'].map(
        (value): [string, string] => [`wait=${value}`, 'wait'],
      ),
      ['limit=1&limit=2', 'limit'],
      ['orderId=a&orderId=b', 'orderId'],
      ['orderId=', 'orderId'],
      ['orderId', 'orderId'],
      ['orderId=%zz', 'orderId'],
      ['orderId=%C3%28', 'orderId'],
      ['orderId=%00', 'orderId'],
      ['limit[]=1', 'limit[]'],
      ['colour=red', 'colour'],
      ['__proto__=1', '__proto__'],
    ]
    for (const [query, field] of refused) {
      const { errors } = assertProblem(await get(`/list?${query}`), 400, 'invalid-request').json()
      assert.deepEqual(
        errors?.map((error) => error.field),
        [field],
        `${query}: ${JSON.stringify(errors)}`,
      )
    }
    const below = assertProblem(await get('/list?limit=-1&wait=-0.5'), 400, 'invalid-request').json()
    assert.deepEqual(below.errors?.map(({ message }) => message).sort(), ['must be >= 0', 'must be >= 1'])
    const many = assertProblem(await get('/list?limit=x&wait=y&colour=red'), 400, 'invalid-request').json()
    assert.deepEqual(many.errors?.map(({ field }) => field).sort(), ['colour', 'limit', 'wait'])
    assertProblem(await get('/orders/o-1?x=1'), 400, 'invalid-request')
    const everywhere = await fixture.send('PUT', '/orders/%00?x=1', order({ status: '' }))
    const { errors } = assertProblem(everywhere, 400, 'invalid-request').json()
    assert.deepEqual(
      errors?.map(({ field }) => field),
      ['orderId', 'status', 'x'],
    )
    assertProblem(await fixture.send('POST', '/orders?x=1', order()), 400, 'invalid-request')
  })

  test('an unknown route is 404, a wrong method 405 with Allow', async () => {
    for (const path of ['/', '/nowhere', '/Orders/o-1', '/orders/a/b'])
      for (const method of ['GET', 'POST', 'OPTIONS', 'HEAD', 'PROPFIND']) {
        const answer = await fixture.send(method, path)
        assert.equal(answer.status, 404, `${method} ${path}`)
        if (method !== 'HEAD') assertProblem(answer, 404, 'route-not-found')
      }
    for (const [path, allow, ...methods] of [
      ['/orders', 'POST, OPTIONS', 'GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND'],
      ['/orders/a%2Fb', 'GET, HEAD, PUT, OPTIONS', 'POST', 'DELETE'],
      ['/list?limit=x', 'GET, HEAD, OPTIONS', 'POST'],
    ] as const) {
      for (const method of methods) {
        const answer = await fixture.send(method, path)
        assert.equal(answer.status, 405, `${method} ${path}`)
        assert.equal(answer.headers.allow, allow)
        if (method !== 'HEAD') assertProblem(answer, 405, 'method-not-allowed')
      }
      const options = await fixture.send('OPTIONS', path)
      assert.deepEqual([options.status, options.headers.allow, options.text], [204, allow, ''])
    }
    for (const body of ['x', '{', '', '\ufeff', 'x'.repeat(3_000_000)])
      for (const type of ['text/plain', 'application/json', 'json'])
        for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
          const send = (path: string) => fixture.send(method, path, body, { 'content-type': type })
          assertProblem(await send('/nowhere'), 404, 'route-not-found')
          const wrong = assertProblem(await send('/list'), 405, 'method-not-allowed')
          assert.equal(wrong.headers.allow, 'GET, HEAD, OPTIONS')
        }
  })

  test('HEAD is GET without its body', async () => {
    const [body, head] = [await get('/list'), await fixture.send('HEAD', '/list')]
    assert.deepEqual([head.status, head.text], [200, ''])
    assert.equal(head.headers['content-length'], body.headers['content-length'])
  })

  test('a thrown problem is its answer, with its headers and the path without the query', async () => {
    const sent = await fixture.send('GET', '/overloaded', undefined, { 'x-request-id': 'r-1' })
    const answer = assertProblem(sent, 503, 'overloaded')
    assert.equal(answer.headers['retry-after'], '7')
    assert.deepEqual(answer.json(), {
      type: '/problems/overloaded',
      title: problems.overloaded.title,
      status: 503,
      detail: 'Too much.',
      instance: '/overloaded',
      requestId: 'r-1',
    })
    assert.equal((await get('/nowhere?secret=1')).json().instance, '/nowhere')
  })

  test('an unexpected error is a documented 503, and in the log with its stack; the client learns nothing of it', async () => {
    for (const path of ['/broken', '/unserialisable']) {
      fixture.logged.length = 0
      const answer = assertProblem(await get(path), 503, 'unavailable')
      assert.ok(Number(answer.headers['retry-after']) > 0)
      assert.doesNotMatch(answer.text, /secret|TypeError|symbol/i)
      const [line] = fixture.logged.filter(({ level }) => level === 50)
      assert.match(JSON.stringify(line?.err), /stack.*\.ts:\d+|stack.*at /)
      assert.equal(line?.url, path)
    }
  })

  test('rule 4: where the outcome is unknown, the connection is closed without an answer', async () => {
    await assert.rejects(get('/no-answer'), { code: 'ECONNRESET' })
    const { socket, closed } = fixture.open()
    socket.write('GET /no-answer HTTP/1.1\r\nhost: localhost\r\n\r\n')
    assert.equal(await closed, '')
    assert.ok(fixture.logged.some(({ msg }) => String(msg).startsWith('the connection was closed without an answer')))
  })

  test('no line is logged for a request that went well', async () => {
    fixture.logged.length = 0
    await get('/list')
    assertProblem(await get('/nowhere'), 404, 'route-not-found')
    assert.deepEqual(fixture.logged, [])
  })

  test('live, ready and not ready', async () => {
    assert.deepEqual((await get('/health/live')).json(), { status: 'ok' })
    assert.deepEqual((await get('/health/ready')).json(), { status: 'ok', missing: [] })
    fixture.missing.push('kafka', 'registry')
    const answer = assertProblem(await get('/health/ready'), 503, 'not-ready')
    assert.deepEqual(answer.json().missing, ['kafka', 'registry'])
    assert.equal((await get('/health/live')).status, 200)
    fixture.missing.length = 0
  })

  test('metrics: a histogram by method, route and status, not by path', async () => {
    await get('/orders/some-id')
    await get('/nowhere/else')
    const { text, headers } = await get('/metrics')
    assert.match(String(headers['content-type']), /^text\/plain/)
    const counts = (labels: string) =>
      [...text.matchAll(new RegExp(`seconds_\\w+{${labels}.*} (\\d.*)`, 'g'))].map(([, n]) => Number(n))
    const ofRoute = counts('method="GET",route="/orders/:orderId",status="200"')
    const [count = 0, sum = 0] = [ofRoute.pop(), ofRoute.pop()]
    assert.ok(count > 0 && sum > 0 && sum < 60)
    assert.deepEqual(
      ofRoute,
      ofRoute.toSorted((a, b) => a - b),
    )
    assert.equal(ofRoute.at(-1), count, 'the bucket +Inf')
    assert.ok(counts('method="any",route="none",status="404"').length > 0)
    assert.match(text, /^# TYPE inorder_http_request_duration_seconds histogram$/m)
    assert.match(text, /^inorder_build_info\{version="\d+\.\d+\.\d+",node="24\./m)
    assert.match(text, /^process_cpu_user_seconds_total \d/m)
    assert.doesNotMatch(text, /some-id|nowhere/)
  })

  test('OpenAPI 3.1 with every route and its problems', async () => {
    const { openapi, paths } = (await get('/openapi.json')).json() as {
      openapi: string
      paths: Record<
        string,
        Record<
          string,
          {
            parameters?: { name: string; required: boolean }[]
            responses: Record<string, { description: string; content: object }>
          }
        >
      >
    }
    assert.match(openapi, /^3\.1\./)
    assert.deepEqual(
      Object.keys(paths).filter((path) => /docs|openapi/.test(path)),
      [],
    )
    const { responses } = paths['/orders']?.post ?? assert.fail('no POST /orders')
    assert.deepEqual(Object.keys(responses), ['201', '400', '401', '403', '413', '415', '421', '503'])
    assert.equal(responses['400']?.description, 'invalid-request, bad-url, malformed-http, malformed-json')
    assert.deepEqual(Object.keys(responses['413']?.content ?? {}), ['application/problem+json'])
    assert.deepEqual(
      paths['/list']?.get?.parameters?.map(({ name, required }) => [name, required]),
      [
        ['limit', false],
        ['wait', false],
        ['orderId', false],
      ],
    )
    assert.deepEqual(Object.keys(paths['/metrics']?.get?.responses['200']?.content ?? {}), ['text/plain'])
    assert.match(paths['/health/ready']?.get?.responses['503']?.description ?? '', /^not-ready, .*unavailable/)
  })

  test('OpenAPI is as strict as the service, in words of JSON Schema alone', async () => {
    const { paths } = (await get('/openapi.json')).json() as {
      paths: Record<string, { post: { requestBody: { content: Record<string, { schema: SchemaObject }> } } }>
    }
    const schema = paths['/orders']?.post.requestBody.content['application/json']?.schema ?? {}
    const validate = new Ajv({ strict: false, validateFormats: false, multipleOfPrecision: 6 }).compile(schema)
    assert.ok(validate(order()), JSON.stringify(validate.errors))
    for (const wrong of [
      order({ orderId: '.' }),
      order({ orderId: '..' }),
      order({ customerId: 'a\u0000' }),
      order({ currency: 'ZZZ' }),
      order({ totalAmount: 0.00001 }),
      order({ orderDate: '2026-11-23' }),
      order({ items: [] }),
    ]) {
      assert.ok(!validate(wrong), JSON.stringify(wrong))
      assert.equal((await fixture.send('POST', '/orders', wrong)).status, 400)
    }
    assert.ok(validate(order({ orderId: '...' })))
    // No pattern that every language knows can name it.
    assert.equal((await fixture.send('POST', '/orders', order({ status: '\ud83d' }))).status, 400)
  })

  test('the docs page asks nothing off the machine', async () => {
    const redirect = await get('/docs')
    assert.deepEqual([redirect.status, redirect.headers.location], [301, '/docs/'])
    const page = await get('/docs/')
    assert.equal(page.status, 200)
    assert.match(String(page.headers['content-security-policy']), /^default-src 'self';/)
    assert.doesNotMatch(String(page.headers['content-security-policy']), /http|\*/)
    assert.doesNotMatch(page.text, /(src|href)="(https?:)?\/\//)
    assert.match(page.text, /"withDefaultFonts":\s*false/)
    const [, script = ''] = page.text.match(/<script src="([^"]+)"/) ?? []
    const [first, second] = [await get(`/docs/${script}`), await get(`/docs/${script}`)]
    assert.deepEqual([first.status, second.status], [200, 200])
    assert.match(String(first.headers['content-type']), /javascript/)
    assert.equal(Number(first.headers['content-length']), Buffer.byteLength(first.text))
    assert.equal(second.text, first.text)
  })

  test('every problem has its page, at its type', async () => {
    const pages = await readdir(new URL('../../../docs/problems', import.meta.url))
    assert.deepEqual(
      pages.sort(),
      Object.keys(problems)
        .map((name) => `${name}.md`)
        .sort(),
    )
    for (const [name, { title, status }] of Object.entries(problems)) {
      const page = await get(`/problems/${name}`)
      assert.equal(page.status, 200)
      assert.ok(page.text.startsWith(`# ${title}\n`), `${name}: ${page.text.split('\n')[0]}`)
      assert.match(page.text, new RegExp(`\`${name}\` · ${status}\n`))
    }
    for (const name of ['other', 'toString', '..%2Fapi', '%2e%2e%2f%2e%2e%2fpackage'])
      assertProblem(await get(`/problems/${name}`), 404, 'problem-not-found')
  })
})
