import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePortOffset } from '@inorder/testing/ports.ts'
import { until } from '@inorder/testing/until.ts'

test('a log on a full disk neither ends a service nor holds it up', async () => {
  const port = 3009 + (await freePortOffset())
  const main = fileURLToPath(new URL('../../../services/carrier/src/main.ts', import.meta.url))
  const service = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH, PORT: String(port), LOG_LEVEL: 'trace' },
    // Every write to it fails with ENOSPC.
    stdio: ['ignore', openSync('/dev/full', 'w'), 'inherit'],
  })
  const ended = once(service, 'exit')
  try {
    const ask = () => fetch(`http://127.0.0.1:${port}/deeds`, { signal: AbortSignal.timeout(2_000) })
    await until('it answers', async () => service.exitCode !== null || (await ask()).status === 200, 90_000)
    assert.equal((await ask()).status, 200)
    service.kill('SIGTERM')
    assert.deepEqual(await ended, [0, null])
  } finally {
    service.kill('SIGKILL')
  }
})
