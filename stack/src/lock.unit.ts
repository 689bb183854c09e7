import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startedAt } from './identity.ts'
import { takeLock } from './lock.ts'
import { lastProcesses } from './stack-file.ts'

const folder = () => mkdtempSync(join(tmpdir(), 'inorder-lock-'))

test('a second starter is told the pid of the first, in one line', () => {
  const data = folder()
  const { release } = takeLock(data)
  assert.throws(() => takeLock(data), new RegExp(`^StartFailure: [^\n]*process ${process.pid}[^\n]*$`))
  release()
  takeLock(data).release()
  assert.deepEqual(readdirSync(data), [])
})

test('the lock of a starter that is gone is taken over, also when its pid is in use again', () => {
  const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  try {
    for (const dead of [
      { pid: 2 ** 22 + 1, started: 'once' },
      { pid: stranger.pid, started: 'before the stranger' },
    ]) {
      const data = folder()
      writeFileSync(join(data, 'starter.lock'), JSON.stringify(dead))
      takeLock(data).release()
      assert.equal(existsSync(join(data, 'starter.lock')), false)
    }
  } finally {
    stranger.kill()
  }
})

test('a live starter keeps its lock, and nothing is left beside it', () => {
  const data = folder()
  const alive = { pid: process.ppid, started: startedAt(process.ppid) }
  writeFileSync(join(data, 'starter.lock'), JSON.stringify(alive))
  assert.throws(() => takeLock(data), /is running already/)
  assert.deepEqual(readdirSync(data), ['starter.lock'])
})

test('what a power cut left of a lock and of the list of processes holds nobody', () => {
  const data = folder()
  writeFileSync(join(data, 'starter.lock'), '')
  writeFileSync(join(data, 'processes.json'), '[{"na')
  takeLock(data).release()
  assert.deepEqual(lastProcesses(data), [])
})
