import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { cleanEnvironment } from './stack.ts'

/** What the tier counts for one test file of this text. In a process of its own: the runner does not run in itself. */
function counted(text: string, loadedBy?: string): { passed: number; failed: number } {
  const folder = mkdtempSync(join(tmpdir(), 'inorder-tier-'))
  const [file, runner] = [join(folder, 'a.unit.ts'), join(folder, 'runner.mjs')]
  const entry = loadedBy === undefined ? undefined : join(folder, loadedBy)
  if (entry)
    writeFileSync(
      entry,
      `import { suite } from 'node:test'\nsuite(${JSON.stringify(file)}, () => import(${JSON.stringify(file)}))`,
    )
  writeFileSync(file, `import { test, describe } from 'node:test'\n${text}`)
  const files = `files: [${JSON.stringify(file)}]${entry ? `, entries: [${JSON.stringify(entry)}]` : ''}`
  const options = `{ ${files}, concurrency: 1, timeout: 3_000, signal: new AbortController().signal }`
  writeFileSync(
    runner,
    `const { runTier } = await import(${JSON.stringify(import.meta.resolve('./tier.ts'))})
    console.log('\\n' + JSON.stringify(await runTier(${options})))`,
  )
  const { stdout, stderr } = spawnSync(process.execPath, [runner], { encoding: 'utf8', env: cleanEnvironment() })
  return JSON.parse(stdout.trim().split('\n').at(-1) || assert.fail(stderr))
}

test('passed tests are counted, those of suites and subtests too, the suites not', () => {
  const text = `test('a', () => {}); describe('s', () => { test('b', async (t) => { await t.test('c', () => {}) }) })`
  assert.deepEqual(counted(text), { passed: 3, failed: 0 })
})

test('the same where another file loads it, and a file without tests is found there too', () => {
  const text = `test('a', () => {}); test('b', () => { throw new Error('no') })`
  assert.deepEqual(counted(text, 'all.mjs'), { passed: 1, failed: 1 })
  assert.deepEqual(counted('', 'all.mjs'), { passed: 0, failed: 1 })
})

test('a suite whose hook fails is a failure beside its tests, and so is a file that another cannot load', () => {
  const late = `import { after } from 'node:test'
    describe('s', () => { after(() => { throw new Error('no') }); test('a', () => {}) })`
  assert.deepEqual(counted(late), { passed: 1, failed: 1 })
  const unloadable = counted(`test('a', () => {}); throw new Error('no')`, 'all.mjs')
  assert.ok(unloadable.failed > 0 && unloadable.passed === 0, JSON.stringify(unloadable))
})

test('no result is lost where the runner is late to read them', () => {
  const text = `import { spawn } from 'node:child_process'
    import { once } from 'node:events'
    test('the runner sleeps', async () => {
      const awake = 'kill -STOP $0; echo; sleep 1; kill -CONT $0'
      await once(spawn('sh', ['-c', awake, String(process.ppid)], { stdio: ['ignore', 'pipe', 'ignore'] }).stdout, 'data')
    })
    for (let n = 1; n < 200; n++) test('a test with a long name, the ' + n + 'th of two hundred', () => {})`
  assert.deepEqual(counted(text), { passed: 200, failed: 0 })
})

test('whatever does not prove anything is a failure', () => {
  const proofless = {
    'a failing test': `test('a', () => { throw new Error('no') })`,
    'a skipped test': `test.skip('a', () => {})`,
    'a test to be written': `test.todo('a')`,
    'a file without tests': '',
    'a file that cannot be loaded': `import './nothing.ts'`,
    'a process that ends in the middle': `test('a', () => process.exit(0)); test('b', () => {})`,
    'a test that never ends': `test('a', () => new Promise(() => setInterval(() => {}, 1_000)))`,
  }
  for (const [what, text] of Object.entries(proofless)) {
    const { passed, failed } = counted(text)
    assert.ok(failed > 0 && passed === 0, `${what}: ${passed} passed, ${failed} failed`)
  }
})
