import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Services } from '../services.ts'
import { sharedAnswers } from './shared-answers.ts'

test('an answer is shared by those who look as the same user; a write, and another user, asks anew', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const asked: string[] = []
  const services: Services = {
    async ask({ authorization = 'nobody' }, service, path, request) {
      asked.push(`${authorization} ${request?.method ?? 'GET'} ${service}${path}`)
      return { reachable: false, why: 'it is a test' }
    },
  }
  const shared = sharedAnswers(services)(900)
  await Promise.all([1, 2].map(() => shared.ask({}, 'order', '/orders')))
  await shared.ask({ authorization: 'Bearer ann' }, 'order', '/orders')
  for (const _ of [1, 2]) await shared.ask({}, 'order', '/ops/resume', { method: 'POST' })
  t.mock.timers.tick(900)
  await shared.ask({}, 'order', '/orders')
  const post = 'nobody POST order/ops/resume'
  assert.deepEqual(asked, [
    'nobody GET order/orders',
    'Bearer ann GET order/orders',
    post,
    post,
    'nobody GET order/orders',
  ])
})
