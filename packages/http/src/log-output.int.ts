import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { copyOver, turnOver } from './log-output.ts'

const folder = mkdtempSync(join(tmpdir(), 'inorder-logs-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const fresh = () => join(mkdtempSync(join(folder, 'log-')), 'cart.log')
const filesOf = (path: string) =>
  [5, 4, 3, 2, 1]
    .map((n) => `${path}.${n}`)
    .concat(path)
    .filter(existsSync)
const numbersIn = (path: string) =>
  filesOf(path).flatMap((file) => readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number))

const writer = fileURLToPath(new URL('./log-output.fixture.ts', import.meta.url))
const write = (...args: string[]) =>
  spawn(process.execPath, [writer, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })

test('killed at any moment, a log lacks no line that was written, and repeats none', async () => {
  for (const bytes of [300, 3_000, 30_000]) {
    const path = fresh()
    const child = write(path, '40')
    let told = ''
    child.stdout.on('data', (piece) => {
      told += piece
      // Each file takes some ten lines, so that it dies near a turn.
      if (told.length > bytes) child.kill('SIGKILL')
    })
    await once(child, 'close')
    const last = Number(told.split('\n').at(-2))
    const numbers = numbersIn(path)
    const [first = 0] = numbers
    assert.deepEqual(
      numbers,
      numbers.map((_, n) => first + n),
    )
    assert.ok((numbers.at(-1) ?? 0) >= last, `${numbers.at(-1)} is the last line, of ${last}`)
    assert.ok(filesOf(path).length >= 5, 'five are kept')
    for (const file of filesOf(path)) assert.ok(statSync(file).size <= 50, file)
  }
})

test('the last line is there when the process ends in the same turn', async () => {
  const path = fresh()
  await text(write(path, '40', '25').stdout)
  assert.equal(numbersIn(path).at(-1), 25)
})

test('a turn that was killed half-way is made good by the next, which drops no file before there are five', () => {
  const path = fresh()
  for (const file of [path, `${path}.1`, `${path}.3`]) writeFileSync(file, file)
  turnOver(path)
  assert.equal(existsSync(path), false)
  assert.deepEqual(
    [1, 2, 3].map((n) => readFileSync(`${path}.${n}`, 'utf8')),
    [path, `${path}.1`, `${path}.3`],
  )
})

test('a file that another process has open is copied, and cut, once it is large: what is written later goes on in it', () => {
  const path = fresh()
  const writer = openSync(path, 'a')
  try {
    writeSync(writer, 'a line of before\n')
    copyOver(path, 1_000)
    assert.deepEqual(filesOf(path), [path])
    for (let turn = 1; turn <= 7; turn++) {
      copyOver(path, 10)
      writeSync(writer, `a line of turn ${turn}\n`)
    }
  } finally {
    closeSync(writer)
  }
  assert.deepEqual(
    filesOf(path).map((file) => readFileSync(file, 'utf8')),
    [2, 3, 4, 5, 6, 7].map((turn) => `a line of turn ${turn}\n`),
  )
})
