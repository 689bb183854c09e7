// What comes over a connection behind a request, or is no request at all.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, suite, test } from 'node:test'
import { until } from '@inorder/testing/until.ts'
import { type Fixture, order, startFixture } from './app.fixture.ts'

const body = JSON.stringify(order())
const post = `POST /orders HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`
const statuses = (answer: string) => [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status))
const problemIn = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))

suite('connections', { concurrency: true }, () => {
  let fixture: Fixture
  before(async () => {
    fixture = await startFixture()
  })
  after(() => fixture.close())

  /** All that comes over a connection on which this was sent. */
  async function answerTo(sent: string): Promise<string> {
    const { socket, closed } = fixture.open()
    socket.write(sent)
    return closed
  }

  const behind = {
    'what is not HTTP': 'hello\r\n\r\n',
    'headers that are too large': `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`,
    CONNECT: 'CONNECT other:443 HTTP/1.1\r\nhost: other:443\r\n\r\n',
  }
  for (const [what, bytes] of Object.entries(behind)) {
    test(`${what} behind a POST: 20 of 20 hear what became of the POST`, async () => {
      for (let n = 0; n < 20; n++) {
        const answer = await answerTo(post + bytes)
        assert.deepEqual(statuses(answer), [201], answer)
        assert.match(answer, /^connection: close\r$/im)
        assert.ok(answer.endsWith(body))
      }
    })
  }

  test('all requests before the broken bytes are answered, the last with Connection: close', async () => {
    const answer = await answerTo(get('/list') + post + behind['what is not HTTP'])
    assert.deepEqual(statuses(answer), [200, 201])
    assert.equal(answer.match(/^connection: close\r$/gim)?.length, 1)
  })

  test('a next request that does not come whole in time ends the connection behind the answer that is under way', async (t) => {
    const own = await startFixture()
    t.after(own.close)
    const { socket, closed } = own.open()
    const late = once(own.app.server, 'clientError')
    socket.write(`${get('/held')}GET /list HTTP/1.1\r\nhost`)
    await late
    own.release()
    const answer = await closed
    assert.deepEqual(statuses(answer), [200])
    assert.match(answer, /^connection: close\r$.*"done":true}$/ims)
  })

  test('an answer that is being sent is not broken into', async (t) => {
    const own = await startFixture()
    t.after(own.close)
    const { socket, received, closed } = own.open()
    socket.write(get('/pieces'))
    await until('it has begun', () => received().includes('first'))
    const broken = once(own.app.server, 'clientError')
    socket.write('hello\r\n\r\n')
    await broken
    own.release()
    const answer = await closed
    assert.deepEqual(statuses(answer), [200])
    assert.ok(answer.endsWith('last\r\n0\r\n\r\n'), answer)
  })

  test('a request whose own body is broken is answered as such, once, in its turn', async () => {
    const chunked =
      'POST /orders HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n'
    const alone = await answerTo(`${chunked}zz\r\n`)
    assert.deepEqual(statuses(alone), [400])
    assert.equal(problemIn(alone).type, '/problems/malformed-http')
    assert.deepEqual(statuses(await answerTo(`${post}${chunked}zz\r\n`)), [201, 400])
  })

  test('who ends its side of the connection behind a request is still answered', async (t) => {
    const own = await startFixture()
    t.after(own.close)
    const { socket, closed } = own.open()
    const ended = once(own.app.server, 'connection').then(([incoming]) => once(incoming, 'end'))
    socket.end(get('/held'))
    await ended
    own.release()
    assert.match(await closed, /"done":true}$/)
  })

  test('an unknown Expect is 417, CONNECT 405, each as a problem; a raw answer has its Date', async () => {
    const expects = await answerTo(post.replace('\r\n', '\r\nexpect: 200-maybe\r\n'))
    assert.match(expects, /^HTTP\/1\.1 417 .*^connection: close\r$/ims)
    assert.equal(problemIn(expects).type, '/problems/unknown-expectation')
    const connects = await answerTo(behind.CONNECT)
    assert.match(connects, /^HTTP\/1\.1 405 .*^allow: /ims)
    assert.equal(problemIn(connects).type, '/problems/method-not-allowed')
    for (const answer of [expects, connects, await answerTo('hello\r\n\r\n')])
      assert.ok(Math.abs(Date.parse(answer.match(/^date: (.*)\r$/im)?.[1] ?? '') - Date.now()) < 60_000, answer)
  })

  test('a missing, repeated or malformed Host is 400, and HTTP/1.0 needs none', async () => {
    const close = 'connection: close\r\n\r\n'
    for (const host of [
      '',
      'host: localhost\r\nhost: localhost\r\n',
      'host: \r\n',
      'host: a b\r\n',
      'host: u@localhost\r\n',
      'host: localhost:x\r\n',
      'host: localhost:99999\r\n',
    ]) {
      const answer = await answerTo(`GET /list HTTP/1.1\r\n${host}${close}`)
      assert.deepEqual(statuses(answer), [400], host)
      assert.equal(problemIn(answer).type, '/problems/malformed-http')
    }
    assert.deepEqual(statuses(await answerTo(`GET /list HTTP/1.0\r\n${close}`)), [200])
  })
})
