// A real process: what a supervisor sees of it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { on, once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from '@inorder/testing/ports.ts'
import { until } from '@inorder/testing/until.ts'

const script = fileURLToPath(new URL('./service.fixture.ts', import.meta.url))
const { PATH, NODE_COMPILE_CACHE } = process.env
const settings = {
  DATABASE_URL: 'postgres://someone:secret@127.0.0.1/none',
  KAFKA_BROKERS: '127.0.0.1:1',
  SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1',
  PORT: '0',
}

function run(mode: string, env: Record<string, string> = settings) {
  const child = spawn(process.execPath, [script, mode], { env: { PATH, NODE_COMPILE_CACHE, ...env } })
  const pieces: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => pieces.push(piece))
  const output = () => Buffer.concat(pieces).toString()
  const ended = once(child, 'close').then(([code]): number => code)
  return { child, output, ended, listens: () => until('it listens', () => output().includes('listening')) }
}

suite('the life of a service', { concurrency: 2 }, () => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    test(`${signal}: closes the last first, exit code 0`, async () => {
      const { child, output, ended, listens } = run('well')
      await listens()
      child.kill(signal)
      assert.equal(await ended, 0, output())
      assert.deepEqual(output().match(/closing \w+/g), ['closing http', 'closing failing', 'closing database'])
      assert.match(output(), /could not be closed/)
    })
  }

  test('a line names its level, its service and its instance; at a terminal it is text', async () => {
    const env = { ...settings, INSTANCE: 'fixture-2' }
    const { child, output, ended, listens } = run('well', env)
    await listens()
    child.kill('SIGTERM')
    await ended
    const { level, service, instance } = JSON.parse(output().split('\n')[0] ?? '')
    assert.deepEqual([level, service, instance], ['info', 'fixture', 'fixture-2'])

    const terminal = spawn('script', ['-qefc', `exec ${process.execPath} ${script} well`, '/dev/null'], {
      env: { PATH, NODE_COMPILE_CACHE, ...env },
    })
    let shown = ''
    terminal.stdout.on('data', (piece) => {
      shown += piece
    })
    await until('it listens', () => shown.includes('listening'))
    terminal.kill('SIGTERM')
    await once(terminal, 'close')
    assert.match(shown, /INFO.*listening/)
    assert.doesNotMatch(shown, /"level"/)
  })

  test('a log that cannot be written, as on a full disk, neither ends the service nor keeps it from ending', async () => {
    const full = openSync('/dev/full', 'w')
    const port = await freePort()
    const env = { PATH, NODE_COMPILE_CACHE, ...settings, PORT: String(port) }
    const child = spawn(process.execPath, [script, 'well'], { env, stdio: ['ignore', full, 'inherit'] })
    const ended = once(child, 'close')
    closeSync(full)
    const isLive = async () => (await fetch(`http://127.0.0.1:${port}/health/live`)).status === 200
    try {
      await until('it answers', isLive)
      assert.ok(await isLive())
      child.kill('SIGTERM')
      await until('it has ended', () => child.exitCode !== null, 20_000)
    } finally {
      child.kill('SIGKILL')
    }
    assert.deepEqual(await ended, [0, null])
  })

  test('a part that does not close, and a client that waits, hold up the end for 3.5 s at most', async () => {
    const { child, output, ended, listens } = run('hangs')
    await listens()
    const port = Number(output().match(/listening at http:\/\/127\.0\.0\.1:(\d+)/)?.[1])
    const call = request({ host: '127.0.0.1', port, path: '/held' })
    const cut = once(call, 'error')
    call.end()
    await until('it is held', () => output().includes('held'))
    const begun = performance.now()
    child.kill('SIGINT')
    await until('it stops', () => output().includes('"msg":"stopping"'))
    // A terminal and npm send it both; and whoever starts the service may send another.
    child.kill('SIGINT')
    child.kill('SIGTERM')
    assert.equal(await ended, 0, output())
    assert.ok(performance.now() - begun < 10_000)
    assert.deepEqual(output().match(/closing \w+/g), ['closing http', 'closing hanging', 'closing database'])
    assert.match(output(), /"what":"hanging","msg":"a part was not closed in time/)
    await cut
  })

  test('for DRAIN_MS after the signal it is not ready, and answers what comes; then it ends as ever', async () => {
    const { child, output, ended, listens } = run('well', { ...settings, DRAIN_MS: '3000' })
    await listens()
    const url = output().match(/http:\/\/127\.0\.0\.1:\d+/)?.[0]
    assert.equal((await fetch(`${url}/health/ready`)).status, 200)
    child.kill('SIGTERM')
    await until('it stops', () => output().includes('"msg":"stopping"'))
    for (let n = 0; n < 3; n++) {
      const ready = await fetch(`${url}/health/ready`)
      const { missing } = (await ready.json()) as { missing: string[] }
      assert.deepEqual([ready.status, missing], [503, ['stopping']])
      const live = await fetch(`${url}/health/live`)
      assert.deepEqual([live.status, live.headers.get('connection')], [200, 'close'])
    }
    assert.doesNotMatch(output(), /closing/)
    assert.equal(await ended, 0, output())
    assert.deepEqual(output().match(/closing \w+/g), ['closing http', 'closing failing', 'closing database'])
  })

  test('a signal amid the start ends it too', async () => {
    const { child, output, ended } = run('starts for ever')
    await until('it starts', () => output().includes('starting'))
    child.kill('SIGTERM')
    assert.equal(await ended, 0, output())
    assert.match(output(), /closing database/)
  })

  test('64 clients on open connections: none loses an answer to SIGTERM, and the last one says Connection: close', async () => {
    const { child, output, ended, listens } = run('well')
    await listens()
    const port = Number(output().match(/listening at http:\/\/127\.0\.0\.1:(\d+)/)?.[1])
    let answers = 0
    const atWork = new Set<object>()
    const client = async () => {
      const socket = connect(port, '127.0.0.1')
      const received = on(socket, 'data', { close: ['close', 'error'] })
      for (let text = ''; !/^connection: close/im.test(text); ) {
        socket.write('GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n')
        for (text = ''; !text.includes('{"status":"ok"}'); ) {
          const { done, value } = await received.next()
          if (done) return 'lost'
          text += value
        }
        answers++
        atWork.add(socket)
      }
      socket.destroy()
      return 'answered'
    }
    const clients = Array.from({ length: 64 }, () => client().catch((error: Error) => error.message))
    // Who still waits to be taken in has no connection to lose.
    await until('all are at work', () => atWork.size === 64 && answers > 1_000)
    child.kill('SIGTERM')
    assert.deepEqual(new Set(await Promise.all(clients)), new Set(['answered']))
    assert.equal(await ended, 0)
  })

  test('an idle connection has a grace after SIGTERM: a request on it is answered, and readiness is gone', async () => {
    const { child, output, ended, listens } = run('well')
    await listens()
    const socket = connect(Number(output().match(/listening at http:\/\/127\.0\.0\.1:(\d+)/)?.[1]), '127.0.0.1')
    const ask = 'GET /health/ready HTTP/1.1\r\nhost: localhost\r\n\r\n'
    socket.write(ask)
    assert.match(String(await once(socket, 'data')), /^HTTP\/1\.1 200/)
    child.kill('SIGTERM')
    await until('it stops', () => output().includes('closing http'))
    socket.write(ask)
    const answer = String(await once(socket, 'data'))
    assert.match(answer, /^HTTP\/1\.1 503 .*connection: close\r\n.*"missing":\["stopping"\]/is)
    assert.equal(await ended, 0)
  })

  for (const mode of ['throws at start', 'throws later', 'rejects later']) {
    test(`${mode}: a fatal line with the stack, exit code 1`, async () => {
      const { output, ended } = run(mode)
      assert.equal(await ended, 1, output())
      const fatal = JSON.parse(output().match(/^.*"level":"fatal".*$/m)?.[0] ?? '{}')
      assert.deepEqual(
        [fatal.msg, fatal.err?.message],
        ['the process ends with exit code 1: nothing has caught this error', mode],
      )
      assert.match(fatal.err.stack, /service\.fixture\.ts/)
    })
  }

  test('a port that is taken: exit code 1', async () => {
    const first = run('well')
    await first.listens()
    const port = first.output().match(/listening at http:\/\/127\.0\.0\.1:(\d+)/)?.[1] ?? ''
    const second = run('well', { ...settings, PORT: port })
    assert.equal(await second.ended, 1)
    assert.match(second.output(), /EADDRINUSE/)
    first.child.kill('SIGTERM')
    assert.equal(await first.ended, 0)
  })

  test('off loopback it does not listen: one line that names the setting, exit code 1', async () => {
    const refused = run('well', { ...settings, HOST: '0.0.0.0' })
    assert.equal(await refused.ended, 1)
    assert.match(refused.output(), /^bad configuration: HOST .*INSECURE_LISTEN=yes.*\n$/)
    const told = run('well', { ...settings, HOST: '0.0.0.0', INSECURE_LISTEN: 'yes' })
    await told.listens()
    told.child.kill('SIGTERM')
    assert.equal(await told.ended, 0)
  })

  test('bad settings are all named in one line, and no secret is printed', async () => {
    const { output, ended } = run('well', {
      ...settings,
      DATABASE_URL: 'mysql://u:secret@h',
      PORT: 'abc',
      KAFKA_BROKERS: '',
    })
    assert.equal(await ended, 1)
    assert.equal(output().trim().split('\n').length, 1, output())
    for (const name of ['DATABASE_URL', 'PORT', 'KAFKA_BROKERS']) assert.match(output(), new RegExp(name))
    assert.doesNotMatch(output(), /secret/)
  })
})
