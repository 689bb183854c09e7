import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scopeOf } from './scopes.ts'

const table: Record<ReturnType<typeof scopeOf>, string[]> = {
  open: [
    'GET /health/live',
    'HEAD /health/ready',
    'GET /metrics',
    'GET /docs',
    'GET /docs/js/scalar.js',
    'GET /openapi.json',
    'GET /problems/:name',
    'GET /sign-in',
    'POST /sign-in',
    'POST /sign-out',
    'GET /static/style.css',
  ],
  'orders:read': [
    'GET /orders/:orderId',
    'HEAD /orders/:orderId',
    'GET /order-details',
    'GET /getAllOrderIdsFromTopic',
    'GET /stock/:itemId',
    'GET /ledger',
    'GET /ops/parked',
    'GET /ops/audit',
    'GET /deeds',
    // No part of an open path's name.
    'GET /metrics-of-orders',
    'GET /',
    'GET /live/orders/:orderId',
    // The service that is asked wants its own.
    'POST /do/:operation',
  ],
  'orders:write': ['POST /create-order', 'PUT /update-order', 'POST /charges', 'POST /labels'],
  operate: [
    'POST /ops/parked/:key/redrive',
    'POST /ops/jobs',
    'PUT /stock/:itemId',
    'PUT /behaviour',
    // Nobody has named these.
    'POST /orders',
    'DELETE /orders/:orderId',
    'POST /metrics',
    'PUT /create-order',
    'PUT /sign-in',
    'OPTIONS /orders',
  ],
}

test('a call needs the scope of its method and path; a write that nobody has named needs the most', () => {
  for (const [needs, calls] of Object.entries(table))
    for (const call of calls) {
      const [method = '', path = ''] = call.split(' ')
      assert.equal(scopeOf(method, path), needs, call)
    }
})
