import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { end, type Identity, isAlive, signal, startedAt } from './identity.ts'

/** A process that says when it is up, and then does as told. */
async function launched(script: string): Promise<{ child: ChildProcess; who: Identity }> {
  const child = spawn(process.execPath, ['-e', `${script}; console.log('up'); setInterval(() => {}, 1000)`])
  await once(child.stdout, 'data')
  const pid = child.pid ?? assert.fail('it has no pid')
  return { child, who: { pid, started: startedAt(pid) ?? assert.fail('it is not alive') } }
}

test('a process is known by its start time: another one with its pid is neither alive nor signalled', async () => {
  const { child, who } = await launched('')
  const another = { ...who, started: 'at another time' }
  assert.equal(isAlive(another), false)
  assert.equal(signal(another, 'SIGKILL'), false)
  assert.equal(isAlive(who), true)
  await end(who, 'SIGTERM', 5_000)
  assert.equal(isAlive(who), false)
  assert.equal(child.signalCode ?? (await once(child, 'exit'))[1], 'SIGTERM')
})

test('a process that does not heed its signal is killed at the limit', async () => {
  const { child, who } = await launched(`process.on('SIGTERM', () => {})`)
  const exit = once(child, 'exit')
  await end(who, 'SIGTERM', 200)
  assert.deepEqual(await exit, [null, 'SIGKILL'])
})

test('a frozen process is killed at the limit', async () => {
  const { child, who } = await launched('')
  process.kill(who.pid, 'SIGSTOP')
  const exit = once(child, 'exit')
  await end(who, 'SIGTERM', 200)
  assert.deepEqual(await exit, [null, 'SIGKILL'])
})

test('the end of what has ended resolves at once', async () => {
  await end({ pid: 2 ** 22 + 1, started: 'never' }, 'SIGTERM', 60_000)
})
