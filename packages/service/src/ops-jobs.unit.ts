import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JobOps } from '@inorder/messaging/inbox/jobs.ts'
import type { Job } from '@inorder/messaging/inbox/ops.ts'
import { opsApp } from './ops-app.fixture.ts'
import { jobRoutes } from './ops-jobs.ts'

const job: Job = {
  id: 7,
  type: 'redrive',
  state: 'stopped',
  by: 'ann',
  filter: { cause: 'constraint', detail: 'a\nb' },
  dryRun: false,
  canary: true,
  stopAfterFailures: 3,
  total: 200,
  tried: 11,
  applied: 10,
  failed: 1,
  remaining: 189,
  stoppedAt: { key: 'o-1', cause: 'constraint', detail: 'refused' },
  startedAt: '2026-11-23T14:20:19.000Z',
  updatedAt: '2026-11-23T14:20:20.000Z',
}

/** An app that knows job 7; it notes what it is asked for. */
async function appOf(asked: unknown[] = []) {
  const running = { refused: 'job-running', detail: 'Job 7 runs.' } as const
  const only = (id: number) => (id === 7 ? job : undefined)
  const jobs: JobOps = {
    add: async (request) => {
      asked.push(request)
      return request.filter.cause === 'taken' ? running : job
    },
    list: async (query) => {
      asked.push(query)
      return { items: [job], next: '7' }
    },
    of: async (id) => only(id),
    cancel: async (id, operator) => {
      asked.push(operator)
      return only(id)
    },
    continue: async (id) => (id === 8 ? running : only(id)),
  }
  const app = await opsApp()
  await app.register(jobRoutes(jobs))
  return app
}

test('a job is asked for, and answered before it is done', async () => {
  const asked: unknown[] = []
  const app = await appOf(asked)
  const post = (payload: object) =>
    app.inject({ method: 'POST', url: '/ops/jobs', payload, headers: { 'x-operator': 'ann' } })
  const filter = { cause: 'constraint', detail: 'a\nb', keys: ['o-1'] }
  const options = { dryRun: false, canary: true, ratePerSecond: 10, stopAfterFailures: 3 }
  const answer = await post({ type: 'redrive', filter, ...options })
  assert.deepEqual([answer.statusCode, answer.headers.location, answer.json()], [202, '/ops/jobs/7', job])
  await post({ type: 'redrive', filter: {} })
  assert.deepEqual(structuredClone(asked), [
    { filter, ...options, operator: 'ann' },
    { filter: {}, operator: 'ann' },
  ])
  const taken = await post({ type: 'redrive', filter: { cause: 'taken' } })
  assert.deepEqual([taken.statusCode, taken.json().type], [409, '/problems/job-running'])
  for (const bad of [
    { type: 'redrive' },
    { filter },
    { type: 'discard', filter },
    { type: 'redrive', filter: { keys: [] } },
    { type: 'redrive', filter: { detail: '\0' } },
    { type: 'redrive', filter: { state: 'head' } },
    { type: 'redrive', filter, ratePerSecond: 0 },
    { type: 'redrive', filter, ratePerSecond: 0.5 },
    { type: 'redrive', filter, stopAfterFailures: 0 },
    { type: 'redrive', filter, canary: 'yes' },
  ])
    assert.equal((await post(bad)).statusCode, 400, JSON.stringify(bad))
})

test('jobs are listed, looked at, cancelled and continued', async () => {
  const asked: unknown[] = []
  const app = await appOf(asked)
  assert.deepEqual((await app.inject('/ops/jobs?limit=1&after=9')).json(), { items: [job], next: '7' })
  assert.deepEqual((await app.inject('/ops/jobs/7')).json(), job)
  const post = (url: string) => app.inject({ method: 'POST', url, headers: { 'x-operator': 'bob' } })
  assert.deepEqual((await post('/ops/jobs/7/cancel')).json(), job)
  assert.deepEqual((await post('/ops/jobs/7/continue')).json(), job)
  assert.deepEqual(structuredClone(asked), [{ limit: 1, after: 9 }, 'bob'])
  const other = await post('/ops/jobs/8/continue')
  assert.deepEqual([other.statusCode, other.json().type], [409, '/problems/job-running'])
  for (const answer of [
    await app.inject('/ops/jobs/9'),
    await post('/ops/jobs/9/cancel'),
    await post('/ops/jobs/9/continue'),
  ])
    assert.deepEqual([answer.statusCode, answer.json().type], [404, '/problems/job-not-found'])
  assert.equal((await app.inject('/ops/jobs/all')).statusCode, 400)
})
