import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { goodput } from './goodput.ts'
import { perOrder, told } from './processor-time.ts'
import { percentile, ratioOf } from './ratio.ts'
import { type BenchResult, readResults, type Side, writeResult } from './results.ts'

const values = (...all: number[]) => all.map((value) => ({ value }))

test('a ratio is that of pairs, and its median no mean', () => {
  const ratio = ratioOf(values(10, 30, 400), values(10, 10, 100))
  assert.deepEqual(ratio, { rounds: [1, 3, 4], median: 3, min: 1, max: 4 })
})

test('a percentile is one of the values', () => {
  const hundred = Array.from({ length: 100 }, (_, n) => 100 - n)
  assert.equal(percentile(hundred, 0.99), 100)
  assert.equal(percentile(hundred, 0.5), 51)
  assert.equal(percentile([7], 0.99), 7)
  assert.ok(Number.isNaN(percentile([], 0.5)))
})

test('under overload an answer counts when it is a 201, in time from when its request was due, and within the window', () => {
  const answers = [
    { due: 900, at: 1_100, status: 201 },
    { due: 1_000, at: 1_500, status: 201 },
    { due: 1_100, at: 1_200, status: 503 },
    { due: 1_200, at: 1_900, status: 201 },
    { due: 1_300, at: 1_301, status: 0 },
    { due: 1_900, at: 2_100, status: 201 },
    { due: 2_000, at: 2_001, status: 201 },
  ]
  const { figures, refused, late } = goodput(answers, 1_000, 2_000, 600)
  assert.deepEqual(figures, { value: 2, p50: 500, p99: 500 })
  assert.equal(refused, 1 / 5)
  assert.equal(late, 2 / 5)
})

test('processor time an order is what came since, the dearest part first', () => {
  const cpu = perOrder(
    new Map([['cart', 1_000]]),
    new Map([
      ['cart', 3_000],
      ['kafka', 500],
      ['postgres', 4_000],
    ]),
    10,
  )
  assert.deepEqual(Object.entries(cpu), [
    ['postgres', 400],
    ['cart', 200],
    ['kafka', 50],
  ])
  assert.equal(told(cpu), '650 µs an order: postgres 400, cart 200, kafka 50')
})

test('a result takes the place of the one with its id, the others stay', () => {
  const folder = mkdtempSync(join(tmpdir(), 'inorder-results-'))
  try {
    const file = join(folder, 'results.json')
    const side: Side = { name: 's', unit: 'orders/s', rounds: [] }
    const result = (id: string, title: string): BenchResult => {
      const ratio = ratioOf(values(2), values(1))
      return { id, title, date: 'd', commit: 'c', seconds: 1, sides: [side, side], ratio, aims: [] }
    }
    for (const [id, title] of [
      ['B10', 'ten'],
      ['B1-64', 'old'],
      ['B2', 'two'],
      ['B1-64', 'new'],
    ] as const)
      writeResult(file, 'machine', result(id, title))
    assert.deepEqual(
      readResults(file)?.benches.map(({ id, title }) => [id, title]),
      [
        ['B1-64', 'new'],
        ['B2', 'two'],
        ['B10', 'ten'],
      ],
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})
