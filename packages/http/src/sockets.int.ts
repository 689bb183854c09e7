import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { until } from '@inorder/testing/until.ts'
import { type Fixture, order, startFixture } from './app.fixture.ts'

const post = 'POST /orders HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n'
const problemIn = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))

suite('connections', { concurrency: true }, () => {
  let fixture: Fixture
  before(async () => {
    fixture = await startFixture()
  })
  after(() => fixture.close())

  /** As a simple client does: not a look at the answer before all is sent. */
  async function sendThenRead(size: number, connection: string): Promise<string> {
    const { socket, closed } = fixture.open()
    socket.pause()
    socket.write(`${post}connection: ${connection}\r\ncontent-length: ${size}\r\n\r\n`)
    socket.write(Buffer.alloc(size, 'x'), () => socket.resume())
    return closed
  }

  test('a body over 256 KiB is 413, and the answer reaches a client that sends all of it first', async () => {
    for (const connection of ['keep-alive', 'close']) {
      for (const size of [256 * 1024 + 1, 3_000_000, 3_000_000, 3_000_000, 16_000_000]) {
        const answer = await sendThenRead(size, connection)
        assert.match(answer, /^HTTP\/1\.1 413 /, `${size} ${connection}`)
        assert.equal(problemIn(answer).type, '/problems/body-too-large')
      }
    }
    const fits = JSON.stringify(order()).padEnd(256 * 1024)
    assert.equal((await fixture.send('POST', '/orders', fits)).status, 201)
  })

  test('a chunked body is counted as it comes', async () => {
    const { socket, closed } = fixture.open()
    socket.write(`${post}transfer-encoding: chunked\r\n\r\n`)
    for (let n = 0; n < 5; n++) socket.write(`10000\r\n${'x'.repeat(65_536)}\r\n`)
    socket.write('0\r\n\r\n')
    assert.match(await closed, /^HTTP\/1\.1 413 .*body-too-large/s)
  })

  test('413, 404 and 415: the rest of a body is read for 1 s and 16 MiB at most, then the connection is closed', async () => {
    const length = 1_000_000_000
    for (const head of [post, 'POST /nowhere HTTP/1.1\r\nhost: localhost\r\n', post.replace('json', 'xml')]) {
      const { socket, closed } = fixture.open()
      const begun = performance.now()
      socket.write(`${head}content-length: ${length}\r\n\r\n{`)
      assert.match(await closed, /^HTTP\/1\.1 4(13|04|15) /)
      assert.ok(performance.now() - begun < 10_000)
    }
    const { socket, closed } = fixture.open()
    socket.write(`${post}content-length: ${length}\r\n\r\n`)
    const piece = Buffer.alloc(1024 * 1024)
    const write = () => {
      while (socket.writable && socket.write(piece));
    }
    socket.on('drain', write)
    write()
    await closed
    assert.ok(socket.bytesWritten < 64 * 1024 * 1024, `${socket.bytesWritten}`)
  })

  test('a client that goes away in the middle of its body is nobody to answer, and no error', async () => {
    const { socket, closed } = fixture.open()
    socket.write(`${post}content-length: 100\r\n\r\n{"orderId"`)
    socket.end()
    await closed
    assert.equal((await fixture.send('GET', '/list')).status, 200)
    assert.deepEqual(
      fixture.logged.filter(({ level }) => Number(level) >= 50),
      [],
    )
  })

  test('what is not HTTP is a 400, headers too large a 431', async () => {
    for (const [sent, status, name] of [
      ['hello\r\n\r\n', 400, 'malformed-http'],
      ['GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: x\r\n\r\n', 400, 'malformed-http'],
      [`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`, 431, 'headers-too-large'],
    ] as const) {
      const { socket, closed } = fixture.open()
      socket.write(sent)
      const answer = await closed
      assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
      assert.match(answer, /content-type: application\/problem\+json\r\n/)
      assert.equal(problemIn(answer).type, `/problems/${name}`)
    }
  })

  test('a client that does not finish its headers gets a 408 and loses its connection', async () => {
    const slow = ['', 'GET /list HTTP/1.1\r\nhost'].map((sent) => {
      const { socket, closed } = fixture.open()
      socket.write(sent)
      return closed
    })
    const begun = performance.now()
    for (const answer of await Promise.all(slow)) assert.match(answer, /^HTTP\/1\.1 408 .*request-timeout/s)
    assert.ok(performance.now() - begun < 14_000, 'headers have less time than a whole request')
  })

  test('a client that does not finish its body gets a 408 and loses its connection', async () => {
    const { socket, closed } = fixture.open()
    socket.write(`${post}content-length: 100\r\n\r\n{`)
    assert.match(await closed, /^HTTP\/1\.1 408 .*request-timeout/s)
  })

  test('while the app closes, what is under way is answered, and its connection ends', async () => {
    const own = await startFixture()
    const { socket, received, closed } = own.open()
    socket.write('GET /list HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await until('an answer', () => received().includes('"limit"'))
    socket.write('GET /held HTTP/1.1\r\nhost: localhost\r\n\r\n')
    const idle = own.open()
    idle.socket.write('GET /list HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await until('an answer', () => idle.received().includes('"limit"'))
    const appClosed = own.close()
    await idle.closed
    own.release()
    await appClosed
    assert.match(await closed, /"done":true/)
  })
})
