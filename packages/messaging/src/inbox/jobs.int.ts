import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { unique } from '@inorder/testing/parts.ts'
import { startService } from '@inorder/testing/service-process.ts'
import { until } from '@inorder/testing/until.ts'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { RegistryUnavailable } from '../kafka/registry.ts'
import { jobMetrics } from './job-metrics.ts'
import { Jobs } from './jobs.ts'
import { framed, modelHandler, recordOf } from './model-topic.fixture.ts'
import { parkedEvents } from './parked-listing.ts'
import { PauseOperator } from './pause-operator.ts'
import { event as eventOf, inboxRig, lossy, newer, poison } from './rig.fixture.ts'
import { caughtUp, event, service, someKeys, versions } from './running-inbox.fixture.ts'

const rig = await inboxRig()
after(rig.close)
const { pool } = rig
const logger = pino({ level: process.env.LOG_LEVEL ?? 'silent' })

/** Of the last test; 10,000 (JOB_KEYS) were run by hand. */
const many = Number(process.env.JOB_KEYS ?? 200)

type Consumer = ReturnType<typeof rig.consumer>
type Request = Parameters<Jobs['add']>[0]

function jobsOf({ operator }: Consumer, t: TestContext): Jobs {
  const redrive: Consumer['operator']['redrive'] = (key, how) => operator.redrive(key, how)
  const jobs = new Jobs({ pool, instance: unique('test'), logger, redrive })
  jobs.runner.start()
  t.after(() => jobs.runner.close())
  return jobs
}

async function begun(jobs: Jobs, request: Omit<Request, 'operator'>) {
  const job = await jobs.add({ operator: 'ann', ...request })
  assert.ok('id' in job, JSON.stringify(job))
  return job
}

const ended = (jobs: Pick<Jobs, 'of'>, id: number) =>
  until(`job ${id} has ended`, async () => {
    const job = (await jobs.of(id))!
    return job.state !== 'running' && job
  })

/** What the audit has of a job, the oldest first. */
async function auditOf({ operator }: Pick<Consumer, 'operator'>, id: number) {
  const { items } = await operator.audit({ limit: 100 })
  return items
    .filter(({ key }) => key === `@job:${id}`)
    .map(({ operator, action, before, after }) => ({ operator, action, before, after }))
    .reverse()
}

/** These keys, of which nobody can read version 2 and version 3 stands behind; `broken` ones cannot be applied either. */
async function parkedKeys(
  count: number,
  isBroken: (n: number) => boolean = () => false,
  over: Parameters<typeof rig.consumer>[0] = {},
) {
  const { registry, find } = lossy()
  const consumer = rig.consumer({ registry, ...over })
  const run = unique('run')
  const keys = Array.from({ length: count }, (_, n) => `${run}-${String(n).padStart(3, '0')}`)
  const records = keys.flatMap((key, n) => [
    recordOf(eventOf(3 * n, key, 1)),
    newer(3 * n + 1, key, 2, isBroken(n) ? { refused: true } : {}),
    recordOf(eventOf(3 * n + 2, key, 3)),
  ])
  await consumer.commitRecords(records, 0, records.length)
  return { ...consumer, keys, find, filter: { cause: 'unknown-schema', keys } }
}

test('a canary stops behind the step in which a key failed, says which, and is continued with the others', async (t) => {
  // Keys are tried from the last on: the fifth.
  const { keys, find, filter, ...consumer } = await parkedKeys(20, (n) => n === 15)
  find()
  const jobs = jobsOf(consumer, t)
  const asked = await begun(jobs, { filter, canary: true })
  assert.deepEqual([asked.total, asked.state, asked.by, asked.filter], [20, 'running', 'ann', filter])
  const stopped = await ended(jobs, asked.id)
  const { state, total, tried, applied, failed, remaining } = stopped
  assert.deepEqual(
    { state, total, tried, applied, failed, remaining },
    { state: 'stopped', total: 20, tried: 11, applied: 10, failed: 1, remaining: 9 },
  )
  const metrics = new Registry()
  jobMetrics(metrics, pool)
  const text = await metrics.metrics()
  assert.match(text, /^inorder_job_state\{state="stopped"\} 1$/m)
  assert.match(text, /applied"\} 10\n.*failed"\} 1\n.*remaining"\} 9\n/)
  const { detail, ...at } = stopped.stoppedAt!
  assert.deepEqual(at, { key: keys[15], cause: 'apply-failed' })
  assert.match(detail, /./)

  await jobs.continue(asked.id, 'bob')
  const done = await ended(jobs, asked.id)
  assert.deepEqual(
    [done.state, done.tried, done.applied, done.failed, done.remaining, done.stoppedAt],
    ['done', 20, 19, 1, 0, undefined],
  )
  for (const [n, key] of keys.entries()) assert.equal((await rig.stored(key)).version, n === 15 ? 1 : 3, key)
  assert.equal(((await jobs.continue(asked.id, 'bob')) as { state: string }).state, 'done', 'nothing is left of it')
  assert.equal((await jobs.cancel(asked.id, 'bob'))?.state, 'done')
  const counts = { total: 20, tried: 11, failed: 1 }
  assert.deepEqual(await auditOf(consumer, asked.id), [
    {
      operator: 'bob',
      action: 'job-continue',
      before: { job: { state: 'stopped', ...counts } },
      after: { job: { state: 'running', ...counts } },
    },
  ])
})

test('it stops after so many keys that are still held; a dry run finds the same, and changes nothing', async (t) => {
  const { find, filter, keys, ...consumer } = await parkedKeys(10, (n) => n > 1)
  find()
  const jobs = jobsOf(consumer, t)
  const before = await Promise.all(keys.map((key) => parkedEvents(pool, key)))
  const tried = await ended(jobs, (await begun(jobs, { filter, dryRun: true })).id)
  assert.deepEqual([tried.state, tried.applied, tried.failed, tried.dryRun], ['done', 2, 8, true])
  assert.deepEqual(await Promise.all(keys.map((key) => parkedEvents(pool, key))), before)
  const stopped = await ended(jobs, (await begun(jobs, { filter, stopAfterFailures: 6 })).id)
  assert.deepEqual([stopped.state, stopped.tried, stopped.failed], ['stopped', 6, 6])
  for (let repeat = 0; repeat < 2; repeat++) assert.equal((await jobs.cancel(stopped.id, 'ann'))?.state, 'cancelled')
  const counts = { total: 10, tried: 6, failed: 6 }
  assert.deepEqual(await auditOf(consumer, stopped.id), [
    {
      operator: 'ann',
      action: 'job-cancel',
      before: { job: { state: 'stopped', ...counts } },
      after: { job: { state: 'cancelled', ...counts } },
    },
  ])
  const { items } = await jobs.list({ limit: 2 })
  assert.deepEqual(
    items.map(({ id }) => id),
    [stopped.id, tried.id],
  )
  assert.deepEqual((await jobs.list({ limit: 1, after: stopped.id })).items[0]?.id, tried.id)
})

test('of two that are asked for at once one begins; another is continued only when none runs', async () => {
  const { filter, ...consumer } = await parkedKeys(2)
  const lines: { msg: string; filter?: object }[] = []
  const logger = pino({}, { write: (line) => lines.push(JSON.parse(line)) })
  const jobs = new Jobs({ pool, instance: 'none', logger, redrive: (key, how) => consumer.operator.redrive(key, how) })
  const answers = await Promise.all([1, 2].map(() => jobs.add({ operator: 'ann', filter })))
  const [first] = answers.flatMap((answer) => ('id' in answer ? answer : []))
  const [refused] = answers.flatMap((answer) => ('refused' in answer ? answer : []))
  assert.ok(first && refused)
  assert.equal(refused.refused, 'job-running')
  assert.match(refused.detail, new RegExp(`/ops/jobs/${first.id}\\b`))
  const { keys, ...rest } = filter
  const told = lines.filter(({ msg }) => msg === 'a job begins').map((line) => line.filter)
  assert.deepEqual(told, [{ ...rest, keys: 2, firstKeys: keys }])
  const listed = (await jobs.list({ limit: 1 })).items[0]
  assert.deepEqual([listed?.filter, (await jobs.of(first.id))?.filter], [rest, filter], 'keys are in the one alone')
  await jobs.cancel(first.id, 'ann')
  const second = await begun(jobs, { filter })
  const held = await jobs.continue(first.id, 'ann')
  assert.equal(held && 'refused' in held && held.refused, 'job-running')
  await jobs.cancel(second.id, 'ann')
  assert.equal(await jobs.of(second.id + 1), undefined)
  assert.equal(await jobs.cancel(second.id + 1, 'ann'), undefined)
})

test('the rate is kept; what is chosen by detail, and nothing, too', async (t) => {
  const { keys, find, filter, ...consumer } = await parkedKeys(15)
  const [head] = await parkedEvents(pool, keys[0]!)
  find()
  const jobs = jobsOf(consumer, t)
  const none = await ended(jobs, (await begun(jobs, { filter: { ...filter, detail: 'another' } })).id)
  assert.deepEqual([none.state, none.total], ['done', 0])
  const began = performance.now()
  const { id } = await begun(jobs, { filter: { ...filter, detail: head!.detail }, ratePerSecond: 10 })
  const { applied, total } = await ended(jobs, id)
  const seconds = (performance.now() - began) / 1000
  assert.deepEqual([applied, total], [15, 15])
  assert.ok(seconds > 1.3, `15 keys at 10 a second took ${seconds} s`)
})

test('a registry that is away is no failure: the job waits for it', async (t) => {
  let away = false
  let asked = 0
  const { registry, find } = lossy()
  const schemaOf = async (id: number) => {
    asked++
    if (away) throw new RegistryUnavailable('GET /schemas/ids/8: refused')
    return registry.schemaOf(id)
  }
  const { filter, ...consumer } = await parkedKeys(1, undefined, { registry: { schemaOf } })
  away = true
  find()
  const jobs = jobsOf(consumer, t)
  const before = asked
  const { id } = await begun(jobs, { filter })
  await until('it was tried again', () => asked >= before + 2)
  assert.deepEqual(await jobs.of(id).then((job) => [job?.state, job?.tried]), ['running', 0])
  away = false
  assert.equal((await ended(jobs, id)).applied, 1)
})

test('while the inbox is paused a job waits; a key that is paused is left as failed', async (t) => {
  const { keys, find, filter, ...consumer } = await parkedKeys(3)
  find()
  const pauses = new PauseOperator({ pool, logger, instance: 'test' })
  const inbox = { what: 'inbox', name: '' } as const
  await pauses.pause(inbox, { operator: 'ann' })
  await pauses.pause({ what: 'key', name: keys[1]! }, { operator: 'ann' })
  let asked = 0
  const redrive: Consumer['operator']['redrive'] = (key, how) => {
    asked++
    return consumer.operator.redrive(key, how)
  }
  const jobs = new Jobs({ pool, instance: unique('test'), logger, redrive })
  jobs.runner.start()
  t.after(() => jobs.runner.close())
  const { id } = await begun(jobs, { filter })
  await until('it was tried again', () => asked >= 6)
  assert.equal((await jobs.of(id))?.tried, 0)
  await pauses.resume(inbox, { operator: 'ann' })
  const { applied, failed } = await ended(jobs, id)
  assert.deepEqual({ applied, failed }, { applied: 2, failed: 1 })
  await pauses.resume({ what: 'key', name: keys[1]! }, { operator: 'ann' })
})

test('a key whose redrive ends with our own error again and again is left as failed, and holds nobody up', async (t) => {
  const handler = {
    ...modelHandler,
    save: async (...[tx, changed]: Parameters<typeof modelHandler.save>) => {
      if ([...changed.keys()].some((key) => key.endsWith('-001'))) await tx.query('SELECT * FROM a_forgotten_migration')
      await modelHandler.save(tx, changed)
    },
  }
  const { registry, find } = lossy()
  const consumer = rig.consumer({ registry, handler })
  const keys = ['-000', '-001', '-002'].map((end) => unique('k') + end)
  await consumer.commitRecords(
    keys.map((key, n) => newer(n, key, 1)),
    0,
    3,
  )
  find()
  const jobs = jobsOf(consumer, t)
  const { id } = await begun(jobs, { filter: { keys } })
  const { applied, failed, state } = await ended(jobs, id)
  assert.deepEqual({ applied, failed, state }, { applied: 2, failed: 1, state: 'done' })
})

test('a record that belongs to no key stays: it has failed', async (t) => {
  const consumer = rig.consumer()
  await consumer.commit([poison(0, null)], 0, 1)
  const jobs = jobsOf(consumer, t)
  const { failed } = await ended(jobs, (await begun(jobs, { filter: { keys: [`@${consumer.topic.name}:0:0`] } })).id)
  assert.equal(failed, 1)
})

test('rule 18: a job of 200 keys under live traffic, killed twice, cancelled, continued: each is applied once, in order, and counted once', {
  timeout: many === 200 ? 240_000 : 3_600_000,
}, async () => {
  const { topic, group, url, pool, start, stop, send, sendEvents } = await service()
  const keys = someKeys(many)
  const share = (part: number) => Math.round(part * many)
  // 1. Nobody knows the schema of version 2.
  const { registry } = lossy()
  const first = await start({ registry })
  await sendEvents(keys, [1])
  const unknown = keys.map((key) => {
    const value = framed(event(key, 2))
    value.writeUInt32BE(8, 1)
    return { key, value }
  })
  await send(unknown)
  await sendEvents(keys, [3])
  const isParked = async () => (await first.ops.groups({ limit: 1 })).items[0]?.count === many
  await until('all are parked', isParked, 60_000 + 20 * many)
  await caughtUp(first)
  await stop(first)

  // 2. It is asked for where nothing runs.
  const { jobs } = first.ops
  const since = performance.now()
  const told = (what: string, { state, tried }: { state: string; tried: number }) =>
    console.log(`${((performance.now() - since) / 1000).toFixed(1)} s: ${what}: ${state}, ${tried} of ${many} tried`)
  const ratePerSecond = Math.min(share(0.3), 1_000)
  const job = await jobs.add({ operator: 'ann', filter: { cause: 'unknown-schema' }, ratePerSecond })
  assert.ok('id' in job)
  told('asked for', job)
  const main = new URL('inbox-process.fixture.ts', import.meta.url)
  const instance = (name: string) =>
    startService(main, { DATABASE_URL: url, TOPIC: topic.name, GROUP: group, INSTANCE: name })
  // Live traffic of every tenth key, as long as the job goes on.
  const hot = keys.filter((_, n) => n % 10 === 0)
  let version = 3
  let sentAt = 0
  const tried = async (count: number) => {
    const isTried = async () => {
      const { tried } = (await jobs.of(job.id))!
      if (tried >= sentAt + share(0.05)) {
        sentAt = tried
        await sendEvents(hot, [++version])
      }
      return tried >= count
    }
    await until(`${count} are tried`, isTried, 60_000 + 60 * many)
  }

  // 3. One is killed; another, which waits for its lease, too, and comes back.
  const one = await instance('one')
  await tried(share(0.15))
  await one.kill()
  told('killed', (await jobs.of(job.id))!)
  const two = await instance('two')
  await tried(share(0.35))
  await two.kill()
  told('killed', (await jobs.of(job.id))!)
  const again = await instance('two')
  await tried(share(0.55))
  const cancelled = (await jobs.cancel(job.id, 'ann'))!
  assert.equal(cancelled.state, 'cancelled')
  // Another job is run, so this one is not.
  const other = await jobs.add({ operator: 'ann', filter: { keys: ['nobody'] } })
  assert.ok('id' in other)
  await ended(jobs, other.id)
  const left = (await jobs.of(job.id))!
  told('cancelled', left)
  assert.ok(left.tried <= cancelled.tried + 4 && left.remaining === many - left.tried, JSON.stringify(left))
  assert.equal((await versions(pool)).get(1), left.remaining, 'what is counted is what is applied')

  // 4. The rest.
  await jobs.continue(job.id, 'ann')
  await tried(many)
  const done = await ended(jobs, job.id)
  told('ended', done)
  assert.deepEqual(
    [done.state, done.total, done.tried, done.applied, done.failed, done.remaining],
    ['done', many, many, many, 0, 0],
  )
  const isApplied = async () => {
    const at = await versions(pool)
    return at.get(version) === hot.length && at.get(3) === many - hot.length
  }
  await until('all is applied', isApplied, 60_000 + 20 * many)
  const { rows: stored } = await pool.query<{ key: string; events: string[] }>('SELECT key, events FROM model_key')
  assert.equal(stored.length, many)
  const isHot = new Set(hot)
  for (const { key, events } of stored) {
    const all = Array.from({ length: isHot.has(key) ? version : 3 }, (_, n) => `${key}-v${n + 1}`)
    assert.deepEqual(events, all)
  }
  const { rows } = await pool.query('SELECT count(*)::int FROM parked')
  assert.equal(rows[0].count, 0)
  console.log(`${(version - 3) * hot.length} events came meanwhile`)
  await again.stop()
})
