import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { allowedAfter, lifecycle, meaningOf } from './lifecycle.ts'

test('every status that can be reached has moves of its own, and ends somewhere', () => {
  for (const status of [...lifecycle.first, ...Object.values(lifecycle.moves).flat()]) assert.ok(meaningOf(status))
  assert.deepEqual([allowedAfter('cancelled'), allowedAfter('constructor')], [[], Object.keys(lifecycle.moves)])
})

test('docs/api.md shows the table as it is', () => {
  const rows = { '(a new order)': lifecycle.first, ...lifecycle.moves }
  const docs = readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8')
  for (const [from, to] of Object.entries(rows)) {
    const name = from.startsWith('(') ? from : `\`${from}\``
    const cells = to.map((status) => `\`${status}\``).join(', ')
    assert.ok(docs.includes(`| ${name} |${cells && ` ${cells}`} |`), from)
  }
})
