import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

test('on Windows it says in one line that it is not supported, and what to use', () => {
  const windows = 'data:text/javascript,Object.defineProperty(process,"platform",{value:"win32"})'
  const script = join(import.meta.dirname, '../bootstrap.js')
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', windows, script, 'stack/src/start.ts'], {
    encoding: 'utf8',
  })
  assert.deepEqual([status, stdout, stderr], [1, '', 'Windows is not supported: use WSL 2 (Linux) on it\n'])
})
