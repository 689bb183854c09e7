// docs/change-the-order.md as it is printed, without a stack: its changes, what the compiler says of them, and the tests.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { blocksOf, Copy } from './page.ts'
import { root } from './starter.ts'

const [, field = '', status = ''] = readFileSync(join(root, 'docs/change-the-order.md'), 'utf8').split(/^## /m)
const changesOf = (part: string) => blocksOf(part).filter(({ language }) => language === 'diff')
const copy = new Copy()
after(() => copy.remove())

const typeErrors = () => copy.typeErrors('packages/contracts', 'services', 'testing')
const passes = (...files: string[]) =>
  copy.node('--test', '--test-isolation=none', ...files.map((file) => `${file}.unit.ts`))

test('a new field is in the two schemas, and nowhere else in the code', () => {
  const changes = changesOf(field)
  assert.deepEqual(
    changes.map(({ file }) => file),
    ['packages/contracts/src/order.ts', 'packages/contracts/src/order-event.v1.avsc', 'docs/api.md'],
  )
  for (const change of changes) copy.patch(change)
  // The next test checks its types too.
  passes('packages/contracts/src/order-events', 'packages/contracts/src/event-limits', 'services/cart/src/new-order')
})

test('of a new status with meaning the compiler names each place, and the page decides in each', () => {
  const changes = changesOf(status)
  for (const change of changes.slice(0, 2)) copy.patch(change)
  const errors = typeErrors()
  const named = errors.matchAll(/^(\S+)\(\d+,\d+\): .* Type '"returned"' does not satisfy the expected type 'never'/gm)
  const decided = changes.map(({ file }) => file).filter((file) => /^services\/\w+\/src\/\w+\.ts$/.test(file))
  assert.deepEqual([...named].map(([, file]) => file).sort(), decided.sort())
  for (const [, file] of errors.matchAll(/^(\S+)\(\d+,\d+\): /gm)) assert.ok(decided.includes(file ?? ''), errors)

  for (const change of changes.slice(2)) copy.patch(change)
  assert.equal(typeErrors(), '')
  copy.node('node_modules/@biomejs/biome/bin/biome', 'ci', '--error-on-warnings', 'packages/contracts', 'services')
  passes(
    'packages/contracts/src/lifecycle',
    'services/billing/src/invoice',
    'services/inventory/src/demand',
    'services/shipping/src/shipment',
  )
})
