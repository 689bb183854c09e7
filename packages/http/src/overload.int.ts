import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '@inorder/testing/until.ts'
import { type Fixture, order, startFixture } from './app.fixture.ts'

/** Keeps the event loop late, and a request on its way, until it is told to stop. */
function beBusy(fixture: Fixture): () => void {
  const hold = () => {
    const end = performance.now() + 400
    while (performance.now() < end);
    void fixture.send('GET', '/list')
  }
  const timer = setInterval(hold, 0)
  return () => clearInterval(timer)
}

const post = 'POST /orders HTTP/1.1\r\nhost: localhost\r\nx-request-id: r-1\r\ncontent-type: application/json\r\n'

test('a stall of a process that has just started refuses nothing', async (t) => {
  const now = performance.now.bind(performance)
  const begun = now() - 1_500
  t.mock.method(performance, 'now', () => now() - begun)
  const fixture = await startFixture()
  t.after(fixture.close)
  const end = performance.now() + 700
  while (performance.now() < end);
  for (let n = 0; n < 20; n++) {
    assert.equal((await fixture.send('GET', '/list')).status, 200)
    await pause(20)
  }
})

test('while the event loop is late, requests are refused before their body is there; health and metrics are answered', async (t) => {
  const fixture = await startFixture()
  const rest = beBusy(fixture)
  const opened: Socket[] = []
  t.after(() => {
    rest()
    // A body that never comes would hold the end up.
    for (const socket of opened) socket.destroy()
    return fixture.close()
  })

  /** The connection of a request that is refused. One that came between two late intervals is not. */
  const refused = async (what: string, sent: string) => {
    const asked: ReturnType<Fixture['open']>[] = []
    return until(`${what} is refused`, async () => {
      const connection = fixture.open()
      connection.socket.write(sent)
      asked.push(connection)
      opened.push(connection.socket)
      await fixture.send('GET', '/health/live')
      return asked.find(({ received }) => received().startsWith('HTTP/1.1 503 '))
    })
  }
  const body = JSON.stringify(order())
  const [{ socket, received }, chunked] = await Promise.all([
    refused('what has no body yet', `${post}content-length: ${body.length}\r\n\r\n${body.slice(0, 10)}`),
    refused('a chunked one', `${post}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`),
  ])
  for (const path of ['/health/live', '/health/ready', '/metrics'])
    assert.equal((await fixture.send('GET', path)).status, 200)
  rest()
  for (const answer of [received(), chunked.received()]) {
    const [head = '', text = ''] = answer.split('\r\n\r\n')
    assert.match(head, /^retry-after: 1\r?$/im)
    assert.match(head, /^content-type: application\/problem\+json\r?$/im)
    assert.match(head, /^x-request-id: r-1\r?$/im)
    assert.doesNotMatch(head, /^connection: close\r?$/im)
    const { type, status, instance, requestId } = JSON.parse(text)
    assert.deepEqual([type, status, instance, requestId], ['/problems/overloaded', 503, '/orders', 'r-1'])
  }

  // The connection goes on: the rest of the body is no request.
  await until('requests are taken again', async () => (await fixture.send('GET', '/list')).status === 200)
  const before = received().length
  socket.write(`${body.slice(10)}GET /list HTTP/1.1\r\nhost: localhost\r\n\r\n`)
  await until('the next request is answered', () => received().slice(before).includes('"limit"'))
  assert.match(received().slice(before), /^HTTP\/1\.1 200 /)
})

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`

test('with MAX_CONNECTIONS at work one more is refused; health and metrics are answered', async (t) => {
  const fixture = await startFixture({ MAX_CONNECTIONS: 10 })
  t.after(fixture.close)
  const ask = (sent: string) => {
    const connection = fixture.open()
    connection.socket.write(sent)
    return connection
  }
  const held = Array.from({ length: 10 }, () => ask(get('/held')))
  await until('all are connected', async () => (await connectionsOf(fixture)) === 10)
  for (const sent of [get('/list'), `${post}content-length: 2\r\n\r\n{}`]) {
    const [head = '', text = ''] = (await ask(sent).closed).split('\r\n\r\n')
    assert.match(head, /^HTTP\/1\.1 503 /)
    assert.match(head, /^retry-after: 1\r?$/im)
    assert.equal(JSON.parse(text).type, '/problems/overloaded')
  }
  const [live, metrics] = [ask(get('/health/live')), ask(get('/metrics'))]
  await until('health is answered', () => live.received().startsWith('HTTP/1.1 200 '))
  const told = 'inorder_http_overloaded_total{cause="connections"} 2'
  await until('the metrics say so', () => metrics.received().includes(told))
  for (const { socket } of [live, metrics]) socket.destroy()

  fixture.release()
  for (const { received } of held) await until('it is answered', () => received().includes('{"done":true}'))
})

test('an idle connection, or one whose request does not come, gives way to a new one', async (t) => {
  const fixture = await startFixture({ MAX_CONNECTIONS: 10 })
  t.after(fixture.close)
  const idle = Array.from({ length: 10 }, (_, n) => {
    const connection = fixture.open()
    connection.socket.write(n % 2 ? get('/list') : 'GET /list HTTP/1.1\r\n')
    return connection
  })
  await until('all are connected', async () => (await connectionsOf(fixture)) === 10)
  await until('a new one is served', async () => {
    const { socket, received } = fixture.open()
    socket.write(get('/list'))
    await until('it has an answer', () => received().includes('\r\n\r\n'))
    return received().startsWith('HTTP/1.1 200 ')
  })
  await Promise.race(idle.map(({ closed }) => closed))
})

const connectionsOf = ({ app }: Fixture) =>
  new Promise<number>((resolve) => app.server.getConnections((_error, count) => resolve(count)))
