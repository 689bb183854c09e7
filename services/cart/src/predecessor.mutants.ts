// The cart broken by hand: predecessor.int.ts must fail on it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { outputOfMutant } from '@inorder/testing/mutant.ts'

test('the statement that locks the order does not see what it has waited for: to ask for the predecessor there is caught', async () => {
  const output = await outputOfMutant({
    edits: [
      {
        file: 'services/cart/src/store.ts',
        from: `await tx.query({ name: 'lock-order', text: 'SELECT FROM orders WHERE order_id = $1 FOR UPDATE', values: [orderId] })`,
        to: `const { rows } = await tx.query(
          'SELECT ARRAY(SELECT event_id::text FROM outbox) AS waiting FROM orders WHERE order_id = $1 FOR UPDATE', [orderId])
        Object.assign(tx, { waiting: new Set(rows[0].waiting) })`,
      },
      {
        file: 'packages/messaging/src/outbox/outbox.ts',
        from: 'answered([inserted, held(tx, predecessors)])',
        to: 'answered([inserted, (tx as any).waiting ?? held(tx, predecessors)])',
      },
    ],
    test: 'services/cart/src/predecessor.int.ts',
  })
  assert.match(output, /✔ rule 24: a create has no predecessor/, output)
  assert.match(output, /✖ rule 24: a predecessor that another instance commits/, output)
})
