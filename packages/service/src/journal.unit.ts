import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Journal } from './journal.ts'

const folder = mkdtempSync(join(tmpdir(), 'journal-'))
after(() => rmSync(folder, { recursive: true }))

const entry = (key: string, id = key) => ({ key, id })
const keysOf = (journal: Journal<{ key: string; id: string }>) => [...journal].map(({ key }) => key)

test('what was answered is there after a restart, in a folder that it makes; a line cut short is not', async () => {
  const file = join(folder, 'made', 'charges.jsonl')
  const journal = new Journal<{ key: string; id: string }>(file, 10)
  const answers = await Promise.all(['a', 'b', 'a'].map((key, n) => journal.once(key, () => entry(key, `${n}`))))
  assert.deepEqual(answers, [entry('a', '0'), entry('b', '1'), entry('a', '0')])
  appendFileSync(file, '{"key":"c"')
  const again = new Journal<{ key: string; id: string }>(file, 10)
  assert.deepEqual([...again], [entry('a', '0'), entry('b', '1')])
  assert.deepEqual(await again.once('b', () => entry('b', 'other')), entry('b', '1'))
  await again.once('d', () => entry('d'))
  assert.deepEqual(keysOf(new Journal(file, 10)), ['a', 'b', 'd'])
})

test('it is bounded, in memory and on the disk', async () => {
  const file = join(folder, 'bounded.jsonl')
  const journal = new Journal<{ key: string; id: string }>(file, 10)
  for (let n = 0; n < 55; n++) await journal.once(`${n}`, () => entry(`${n}`))
  const newest = Array.from({ length: 10 }, (_, n) => `${45 + n}`)
  assert.deepEqual(keysOf(journal), newest)
  assert.ok(readFileSync(file, 'utf8').split('\n').length <= 21)
  assert.deepEqual(keysOf(new Journal(file, 10)), newest)
})

test('what the disk does not take is not remembered, so that a repeat tries it anew', async () => {
  const file = join(folder, 'gone', 'charges.jsonl')
  const journal = new Journal<{ key: string; id: string }>(file, 10)
  rmSync(join(folder, 'gone'), { recursive: true })
  await assert.rejects(
    journal.once('a', () => entry('a', 'lost')),
    /ENOENT/,
  )
  assert.deepEqual([...journal], [])
  mkdirSync(join(folder, 'gone'))
  assert.deepEqual(await journal.once('a', () => entry('a', 'kept')), entry('a', 'kept'))
  assert.deepEqual([...new Journal(file, 10)], [entry('a', 'kept')])
})
