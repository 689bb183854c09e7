import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
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

test('packages are not installed under a stack of this clone that runs', () => {
  const root = mkdtempSync(join(tmpdir(), 'inorder-bootstrap-'))
  for (const folder of ['stack', '.local']) mkdirSync(join(root, folder))
  copyFileSync(join(import.meta.dirname, '../bootstrap.js'), join(root, 'stack/bootstrap.js'))
  const write = (file: string, content: object) => writeFileSync(join(root, file), JSON.stringify(content))
  write('package.json', { type: 'module' })
  write('package-lock.json', { packages: { 'node_modules/x': { version: '1.0.0' } } })
  const stderrWhile = (starter: number) => {
    write('.local/stack.json', { starter, parts: [] })
    // Without npm, so that nothing is installed where it is tried.
    const options = { encoding: 'utf8', env: { PATH: root } } as const
    return spawnSync(process.execPath, [join(root, 'stack/bootstrap.js'), 'x.ts'], options).stderr
  }
  const starter = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', 'stack/src/start.ts'], {
    stdio: 'ignore',
  })
  try {
    assert.equal(
      stderrWhile(starter.pid!),
      `the packages are others than package-lock.json names, and the stack that runs (process ${starter.pid}) uses them: stop it first, and they are installed\n`,
    )
  } finally {
    starter.kill()
  }
  for (const pid of [spawnSync('true').pid, process.pid])
    assert.match(
      stderrWhile(pid),
      /^npm cannot be run/,
      'one that was killed is in nobody’s way, also where its number is used',
    )
  rmSync(root, { recursive: true })
})
