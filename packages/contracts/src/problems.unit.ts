import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Problem, problems } from './problems.ts'

const folder = new URL('../../../docs/problems/', import.meta.url)

test('the table and the pages agree', () => {
  const pages = readdirSync(folder).map((file) => file.replace(/\.md$/, ''))
  assert.deepEqual(pages.sort(), Object.keys(problems).sort())
  for (const [name, { status, title }] of Object.entries(problems)) {
    const text = readFileSync(new URL(`${name}.md`, folder), 'utf8')
    assert.ok(text.startsWith(`# ${title}\n`), `${name}.md begins with its title`)
    assert.ok(text.includes(`\`${name}\` · ${status}\n`), `${name}.md names its status`)
  }
})

test('a problem is its answer', () => {
  const errors = [{ field: 'items[0].price', message: 'must have at most 4 decimals' }]
  assert.deepEqual(
    new Problem('invalid-request', 'Not valid: items[0].price.', { errors }).body('/create-order', 'r-1'),
    {
      type: '/problems/invalid-request',
      title: 'The request is not valid',
      status: 400,
      detail: 'Not valid: items[0].price.',
      instance: '/create-order',
      requestId: 'r-1',
      errors,
    },
  )
})

test('what may be tried again says when', () => {
  assert.deepEqual(new Problem('overloaded', 'd').headers, { 'retry-after': '1' })
  assert.deepEqual(new Problem('idempotency-key-in-use', 'd').headers, { 'retry-after': '1' })
  assert.deepEqual(new Problem('kafka-away', 'd', { headers: { 'retry-after': '7' } }).headers, { 'retry-after': '7' })
  for (const name of ['order-exists', 'order-held'] as const) assert.deepEqual(new Problem(name, 'd').headers, {})
})
