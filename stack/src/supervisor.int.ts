import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { until } from '@inorder/testing/until.ts'
import { startedAt } from './identity.ts'
import type { Part } from './part.ts'
import { StackFile } from './stack-file.ts'
import { Supervisor } from './supervisor.ts'

const data = mkdtempSync(join(tmpdir(), 'inorder-supervisor-'))
const file = new StackFile(data)
const giveUp = new AbortController()
const supervisor = new Supervisor({ data, file, stopping: giveUp.signal })
after(async () => {
  giveUp.abort()
  await supervisor.stop()
})

const pidOf = (name: string) => file.processes().find((p) => p.name === name)?.pid
const log = (name: string) => readFileSync(join(data, 'logs', `${name}.log`), 'utf8')

function part(name: string, script: string, more: Partial<Part> = {}): Part {
  return {
    name,
    address: '',
    level: 0,
    command: { file: process.execPath, args: ['-e', script], cwd: data },
    isReady: async () => log(name).includes('ready'),
    stop: { signal: 'SIGTERM', limit: 500 },
    ...more,
  }
}
const lasting = `console.log('ready'); setInterval(() => {}, 1000)`

test('a part that ends is started again, every time; a frozen one is left alone', async () => {
  await supervisor.start(part('lasting', lasting))
  for (let round = 0; round < 2; round++) {
    const pid = pidOf('lasting') ?? assert.fail('it does not run')
    process.kill(pid, 'SIGKILL')
    await until('it runs again', () => pidOf('lasting') !== undefined && pidOf('lasting') !== pid)
  }
  const pid = pidOf('lasting') ?? assert.fail('it does not run')
  process.kill(pid, 'SIGSTOP')
  await supervisor.start(part('another', lasting))
  assert.equal(pidOf('lasting'), pid)
})

test('a part that ends before it is ready fails the start with what it said last', async () => {
  const failing = part('failing', `console.log('FATAL: the disk is full'); console.log('bye'); process.exit(3)`)
  await assert.rejects(
    supervisor.start(failing),
    /^StartFailure: failing ended \(exit code 3\).*FATAL: the disk is full/,
  )
  assert.equal(pidOf('failing'), undefined)
})

test('a part that may is tried again before it counts as failed', async () => {
  const script = `if (require('fs').readFileSync(${JSON.stringify(join(data, 'logs/late.log'))}, 'utf8').includes('again')) { ${lasting} } else { console.log('again'); process.exit(1) }`
  await supervisor.start(part('late', script, { attempts: 2 }))
})

test('a full disk under its own files ends nothing: parts are started again, and its files are right once there is space', async (t) => {
  const said = t.mock.method(process.stdout, 'write', () => true)
  // Every write to it fails with ENOSPC.
  const full = ['stack.json.new', 'processes.json.new', 'logs/lasting.log'].map((name) => join(data, name))
  for (const path of full) {
    rmSync(path, { force: true })
    symlinkSync('/dev/full', path)
  }
  const before = pidOf('lasting') ?? assert.fail('it does not run')
  const pid = () => pidOf('lasting')
  process.kill(before, 'SIGKILL')
  await until('it runs again', () => pid() !== undefined && pid() !== before)
  for (const path of full) rmSync(path)
  const stackFile = () => JSON.parse(readFileSync(join(data, 'stack.json'), 'utf8')).parts as { pid: number }[]
  await until('stack.json names it', () => stackFile().some((part) => part.pid === pid()))
  const lines = said.mock.calls.map(({ arguments: [line] }) => String(line)).filter((line) => /stack\.json/.test(line))
  assert.equal(lines.length, 2, lines.join(''))
  assert.match(lines[0] ?? '', /writing stack.json fails \(ENOSPC.*: the stack goes on/)
  assert.match(lines[1] ?? '', /works again/)
})

test('the log of a part that begins no new file itself is turned over at 64 MB, and the part writes on', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  await supervisor.start(part('chatty', `${lasting}; setInterval(() => console.log('more'), 10)`, { logGrows: true }))
  const [path, before] = [join(data, 'logs/chatty.log'), join(data, 'logs/chatty.log.1')]
  t.mock.timers.tick(10_000)
  assert.equal(existsSync(before), false)
  const size = 64 * 1024 * 1024
  truncateSync(path, size)
  t.mock.timers.tick(10_000)
  assert.ok(statSync(before).size >= size)
  await until('it has written more', () => /^(more\n)+$/.test(log('chatty')))
})

test('a part whose log cannot be opened is started without one', async () => {
  mkdirSync(join(data, 'logs/mute.log'))
  await supervisor.start(part('mute', lasting, { isReady: async () => pidOf('mute') !== undefined }))
  assert.ok(pidOf('mute'))
})

test('the stop ends every part, the deaf and the frozen too, and nothing is started after it', async () => {
  await supervisor.start(part('deaf', `process.on('SIGTERM', () => {}); ${lasting}`))
  const pids = file.processes().map((p) => p.pid)
  assert.ok(pids.length >= 3)
  giveUp.abort()
  await supervisor.stop()
  for (const pid of pids) assert.equal(startedAt(pid), undefined)
  await assert.rejects(supervisor.start(part('too-late', lasting)), /^Stopped/)
})
