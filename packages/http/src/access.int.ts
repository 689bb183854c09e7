import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { type Answer, type Fixture, order, startFixture } from './app.fixture.ts'

suite('who is answered', () => {
  let fixture: Fixture
  before(async () => {
    fixture = await startFixture()
  })
  after(() => fixture.close())

  function assertProblem(answer: Answer, status: number, name: string) {
    assert.equal(answer.status, status, answer.text)
    assert.equal(answer.json().type, `/problems/${name}`)
  }
  const read = (host: string) => fixture.send('GET', '/list', undefined, { host })
  const write = (headers: Record<string, string>) => fixture.send('POST', '/orders', order(), headers)

  test('on loopback, a Host is a name of loopback with any port or none; another one is 421', async () => {
    for (const host of ['127.0.0.1', 'localhost', 'LocalHost:1', '[::1]', '[::1]:3001', `127.0.0.1:${fixture.port}`])
      assert.equal((await read(host)).status, 200, host)
    for (const host of [
      'evil.example',
      'localhost.evil.example:3001',
      '127.0.0.1.nip.io',
      '127.0.0.2',
      '[::2]',
      '0.0.0.0',
    ])
      assertProblem(await read(host), 421, 'misdirected-request')
    assertProblem(await fixture.send('GET', 'http://evil.example/list'), 421, 'misdirected-request')
    assertProblem(
      await fixture.send('GET', '/nowhere', undefined, { host: 'evil.example' }),
      421,
      'misdirected-request',
    )
    assertProblem(await write({ host: 'evil.example' }), 421, 'misdirected-request')
  })

  test('a write of another origin, or that the browser calls cross-site, is 403; a read is answered', async () => {
    const own = `http://127.0.0.1:${fixture.port}`
    for (const headers of [
      {},
      { origin: own },
      { origin: own, 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-site': 'none' },
    ])
      assert.equal((await write(headers)).status, 201, JSON.stringify(headers))
    for (const origin of [
      'null',
      '',
      'http://evil.example',
      'http://127.0.0.1:1',
      `http://localhost:${fixture.port}`,
      `https://127.0.0.1:${fixture.port}`,
    ])
      assertProblem(await write({ origin }), 403, 'foreign-origin')
    assertProblem(await write({ 'sec-fetch-site': 'cross-site' }), 403, 'foreign-origin')
    assertProblem(await write({ origin: own, 'sec-fetch-site': 'cross-site' }), 403, 'foreign-origin')
    assert.equal(
      (await fixture.send('GET', '/list', undefined, { origin: 'null', 'sec-fetch-site': 'cross-site' })).status,
      200,
    )
  })

  test('ALLOWED_HOSTS and ALLOWED_ORIGINS list more, and switch the check on elsewhere too', async (t) => {
    for (const HOST of ['127.0.0.1', '0.0.0.0']) {
      const own = await startFixture({
        HOST,
        ALLOWED_HOSTS: 'Shop.example,cart:3001',
        ALLOWED_ORIGINS: 'http://127.0.0.1:3000',
      })
      t.after(() => own.close())
      const status = async (headers: Record<string, string>) =>
        (await own.send('POST', '/orders', order(), headers)).status
      for (const host of ['shop.example', 'SHOP.EXAMPLE:80', 'cart:3001', 'localhost'])
        assert.equal(await status({ host }), 201, host)
      for (const host of ['cart:3002', 'evil.example']) assert.equal(await status({ host }), 421, host)
      // Where it listens for others too, they may come by its address.
      for (const host of ['172.18.0.5:3001', '[fd00::5]:3001'])
        assert.equal(await status({ host }), HOST === '0.0.0.0' ? 201 : 421, host)
      assert.equal(await status({ origin: 'http://127.0.0.1:3000' }), 201)
      assert.equal(await status({ origin: 'http://127.0.0.1:3001' }), 403)
    }
  })

  test('elsewhere, without these settings, every name and origin is answered', async (t) => {
    const open = await startFixture({ HOST: '0.0.0.0' })
    t.after(() => open.close())
    const answer = await open.send('POST', '/orders', order(), {
      host: 'cart.internal:3001',
      origin: 'http://evil.example',
    })
    assert.equal(answer.status, 201)
  })
})
