import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Part } from './part.ts'
import { lastProcesses, StackFile } from './stack-file.ts'

const part = (name: string, address: string): Part => ({
  name,
  address,
  level: 1,
  command: { file: 'true', args: [], cwd: '/' },
  isReady: async () => true,
  stop: { signal: 'SIGTERM', limit: 1_000 },
})

test('stack.json names the starter and what runs now, and is gone after a clean stop', () => {
  const data = mkdtempSync(join(tmpdir(), 'inorder-file-'))
  const file = new StackFile(data)
  const read = () => JSON.parse(readFileSync(join(data, 'stack.json'), 'utf8'))
  file.write()
  assert.deepEqual(read(), { starter: process.pid, parts: [] })

  file.started(part('kafka', '127.0.0.1:9092'), { pid: 11, started: 'a' })
  file.started(part('cart', '127.0.0.1:3001'), { pid: 12, started: 'b' })
  assert.deepEqual(read(), {
    starter: process.pid,
    parts: [
      { name: 'kafka', pid: 11, address: '127.0.0.1:9092' },
      { name: 'cart', pid: 12, address: '127.0.0.1:3001' },
    ],
  })

  file.ended('kafka')
  assert.deepEqual(read().parts, [{ name: 'cart', pid: 12, address: '127.0.0.1:3001' }])
  // What the next starter needs to end it, should this one be killed now.
  const stop = { signal: 'SIGTERM', limit: 1_000 }
  assert.deepEqual(
    lastProcesses(data).map(({ name, pid, started, level, stop }) => ({ name, pid, started, level, stop })),
    [{ name: 'cart', pid: 12, started: 'b', level: 1, stop }],
  )

  file.remove()
  assert.deepEqual(readdirSync(data), [])
  assert.deepEqual(lastProcesses(data), [])
})
