import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { logChanges } from './log-changes.ts'

const trace = '0af7651916cd43dd8448eb211c80319c'
const traceparent = `00-${trace}-b7ad6b7169203331-01`

function told(count: number, level = 'info'): Record<string, unknown>[] {
  const lines: string[] = []
  const logger = pino({ level, base: null, timestamp: false }, { write: (line) => lines.push(line) })
  const changes = Array.from({ length: count }, (_, n) => ({
    key: `o-${n}`,
    version: n + 1,
    requestId: `r-${n}`,
    traceparent,
  }))
  logChanges(logger, changes, (change) => change, 'stored')
  return lines.map((line) => JSON.parse(line))
}

test('up to five changes of a transaction have a line each', () => {
  assert.deepEqual(told(0), [])
  const lines = told(5)
  assert.equal(lines.length, 5)
  assert.deepEqual(lines[1], { level: 30, key: 'o-1', version: 2, request_id: 'r-1', trace_id: trace, msg: 'stored' })
})

test('more share one, in which each is found by its key', () => {
  const [line, ...others] = told(6)
  assert.equal(others.length, 0)
  const changes = Array.from({ length: 6 }, (_, n) => [`o-${n}`, n + 1, `r-${n}`])
  assert.deepEqual(line, { level: 30, changes, msg: 'stored' })
})

test('above info nothing is told, and nothing is made of the changes', () => {
  assert.deepEqual(told(1, 'warn'), [])
  const never = () => assert.fail('it was asked')
  logChanges(pino({ level: 'warn' }), [1, 2, 3, 4, 5, 6], never, 'stored')
})
