// Runners that are killed and frozen, and a receiver, as real processes.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import { type EffectsRig, effectIds, effectsRig, event } from './rig.fixture.ts'

let rig: EffectsRig
let receiver: string
const started: ChildProcess[] = []

function run(file: string, ...args: string[]) {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  started.push(child)
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  return Object.assign(child, { lines })
}
const runner = (deadlineMs: number) => run('runner.fixture.ts', rig.url, receiver, String(deadlineMs))
const hold = (holding: boolean) => fetch(`${receiver}/holding`, { method: 'PUT', body: String(holding) })
const received = async (): Promise<{ done: string[]; calls: number }> => (await fetch(receiver)).json() as never

before(async () => {
  rig = await effectsRig()
  const { lines } = run('receiver.fixture.ts')
  receiver = `http://127.0.0.1:${await until('the receiver listens', () => lines[0])}`
})
after(async () => {
  for (const child of started) child.kill('SIGKILL')
  await rig.close()
})

test('killed with its calls done and unanswered: the next goes on, and the receiver does nothing twice', async () => {
  const keys = Array.from({ length: 20 }, () => unique('o'))
  await rig.apply(keys.flatMap((o) => [event(o, 1), event(o, 2)]))
  const before = await received()
  await hold(true)
  const killed = runner(1_000)
  await until(
    'each key has a call at the receiver',
    async () => (await received()).done.length === 20 + before.done.length,
  )
  killed.kill('SIGKILL')
  await once(killed, 'exit')
  assert.equal((await rig.pool.query('SELECT FROM done')).rowCount, 0)
  await hold(false)
  const next = runner(1_000)
  await until('all are done', async () => (await rig.left()) === 0)
  const { done, calls } = await received()
  assert.ok(calls >= 60 + before.calls, 'what was called is called again, with the same key')
  for (const o of keys) {
    assert.deepEqual(
      done.filter((key) => key.startsWith(`${o}-`)),
      effectIds(o, 2),
      'done once each, in order',
    )
    assert.deepEqual(
      (await rig.done(o)).map((it) => it.split('=')[0]),
      effectIds(o, 2),
      'settled once each, in order',
    )
  }
  next.kill('SIGKILL')
})

test('frozen for longer than its lease, thawed with the answer there: it changes nothing', async () => {
  const o = unique('o')
  await rig.apply([event(o, 1), event(o, 2)])
  await hold(true)
  const frozen = runner(1_000)
  await until('the call is at the receiver', async () => (await received()).done.includes(`${o}-v1:1`))
  frozen.kill('SIGSTOP')
  await hold(false)
  const other = runner(1_000)
  await until('the other does both', async () => (await rig.done(o)).length === 2)
  const settled = await rig.done(o)
  frozen.kill('SIGCONT')
  const again = unique('o')
  other.kill('SIGKILL')
  await once(other, 'exit')
  await rig.apply([event(again, 1)])
  await until('the thawed one works', async () => (await rig.done(again)).length === 1)
  assert.deepEqual(await rig.done(o), settled)
  assert.deepEqual(
    (await received()).done.filter((key) => key.startsWith(`${o}-`)),
    effectIds(o, 2),
  )
})
