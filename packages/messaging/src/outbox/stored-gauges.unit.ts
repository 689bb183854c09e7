import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Registry } from 'prom-client'
import { storedGauges } from './stored-gauges.ts'

type Figures = { rows: number; byCause: [string, number][] }

function gauges(read: () => Promise<Figures>) {
  const registry = new Registry()
  storedGauges(registry, read, [
    { name: 'rows', help: 'Rows', of: ({ rows }) => rows },
    {
      name: 'keys',
      help: 'Keys',
      labelNames: ['cause'],
      of: ({ byCause }) => byCause.map(([cause, value]) => ({ labels: { cause }, value })),
    },
  ])
  return async () => (await registry.metrics()).split('\n').filter((line) => line && !line.startsWith('#'))
}

test('one read serves all gauges, and the scrapes of the next seconds; then it is read anew', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let now = 0
  t.mock.method(performance, 'now', () => now)
  let reads = 0
  const scrape = gauges(async () => ({ rows: ++reads, byCause: reads === 1 ? [['gap', 2]] : [] }))
  assert.deepEqual(await scrape(), ['rows 1', 'keys{cause="gap"} 2'])
  now = 2_900
  assert.deepEqual(await Promise.all([scrape(), scrape()]), Array(2).fill(['rows 1', 'keys{cause="gap"} 2']))
  now = 3_100
  assert.deepEqual(await scrape(), ['rows 2'])
})

test('a database that fails or does not answer leaves the figures out, and is never asked twice at once', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let now = 0
  t.mock.method(performance, 'now', () => now)
  const asked: PromiseWithResolvers<Figures>[] = []
  const scrape = gauges(() => {
    const answer = Promise.withResolvers<Figures>()
    asked.push(answer)
    return answer.promise
  })
  const late = [scrape(), scrape()]
  t.mock.timers.tick(1_000)
  assert.deepEqual(await Promise.all(late), [[], []])
  const still = scrape()
  t.mock.timers.tick(1_000)
  assert.deepEqual(await still, [])
  assert.equal(asked.length, 1)

  asked[0]!.resolve({ rows: 1, byCause: [] })
  await asked[0]!.promise
  assert.deepEqual(await scrape(), ['rows 1'])
  assert.equal(asked.length, 1)

  now = 4_000
  const failed = scrape()
  asked[1]!.reject(new Error('the database is unavailable'))
  assert.deepEqual(await failed, [])
  const again = scrape()
  asked[2]!.resolve({ rows: 3, byCause: [] })
  assert.deepEqual(await again, ['rows 3'])
})
