// The command line on a whole stack: an order made, changed, held up, found, and let go on.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, suite, test } from 'node:test'
import { inorder } from '@inorder/cli/terminal.fixture.ts'
import type { Verdict } from '@inorder/contracts/timeline.ts'
import { cleanEnvironment, type Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { sharedStack } from './shared-stack.ts'
import { sql } from './sql.ts'
import { root } from './starter.ts'

suite('the command line', () => {
  let stack: Stack
  before(async () => {
    stack = await sharedStack({})
  })

  const run = (...args: string[]) => inorder(args, { INORDER_PORT_OFFSET: String(stack.offset), USER: 'ann' })
  /** The answer of a command that ends with this code. */
  async function json<Body = Record<string, never>>(code: number, ...args: string[]): Promise<Body> {
    const ran = await run(...args.slice(0, 1), '--json', ...args.slice(1))
    assert.equal(ran.code, code, `${args.join(' ')}: ${ran.out} ${ran.err}`)
    return JSON.parse(ran.out)
  }
  const made = async (id: string) => {
    await json(0, 'create', '--', id)
    await until(`${id} is everywhere`, async () => (await run('show', '--', id)).out.match(/not there yet/) === null)
  }

  test('create, update, show, ids, lag and timeline tell of one order', async () => {
    const { order, version, delivery } = await json<{ order: { items: object[] }; version: number; delivery: string }>(
      0,
      'create',
      'cli-1',
      '--items=2',
      '--wait=30',
    )
    assert.deepEqual([order.items.length, version, delivery], [2, 1, 'delivered'])
    const again = await run('create', 'cli-1')
    assert.deepEqual([again.code, /^inorder: The order exists already: /.test(again.err)], [1, true])
    assert.match((await run('update', 'cli-1', 'confirmed')).out, /^cli-1 is confirmed, version 2: /)
    assert.match(
      (await run('update', 'cli-1', 'paid', '--if-version=1')).err,
      /^inorder: The order is at another version/,
    )
    assert.equal((await run('update', 'cli-none', 'paid')).code, 3)
    assert.equal((await run('show', 'cli-none')).code, 3)
    await until('show has what each service made of it', async () => {
      const { out } = await run('show', 'cli-1')
      return /^order +version 2, confirmed, shipping cost \d/m.test(out) && /^inventory +\w+$/m.test(out)
    })
    assert.ok((await run('ids', 'order-events')).out.split('\n').includes('cli-1'))
    assert.equal((await run('ids', 'nothing')).code, 3)
    assert.match((await run('lag')).out, /^SERVICE +LAG +PARTITIONS\norder +\d+ +\d+\n/)
    assert.match((await run('lag', '--service=billing')).out, /^PARTITION +NEXT +END +LAG +OWNER +STALLED, S\n +0 /)
  })

  test('an order is held up: status, parked and why say so, a dry run that it would be again, a redrive lets it go', async () => {
    // An id that a shell and an option parser would each like to have.
    const id = "-held $(touch x)'"
    const billing = stack.databaseUrl('billing')
    await sql(billing, `ALTER TABLE invoices ADD CONSTRAINT no_cli CHECK (order_id NOT LIKE '-held%')`)
    await json(0, 'create', '--', id)
    await until('it is parked', async () => (await run('parked', '--service=billing', '--', id)).code === 0)
    const { needs } = await json<{ needs: { service: string; sentence: string }[] }>(2, 'status')
    assert.ok(
      needs.some(({ service, sentence }) => service === 'billing' && sentence.includes('no_cli')),
      JSON.stringify(needs),
    )
    assert.ok((await run('parked', '--what=events')).out.includes(id))
    assert.match((await run('parked', '--group-by=cause')).out, /^billing +events +constraint +\d+ .*no_cli/m)
    assert.match((await run('parked', '--', id)).out, /detail: .*no_cli/)
    const foreseen = await json<{ done: { body: { events: { becomes: string }[] } }[] }>(
      2,
      'redrive',
      '--dry-run',
      '--',
      id,
    )
    assert.deepEqual(
      foreseen.done.map(({ body }) => body.events[0]?.becomes),
      ['head'],
    )
    const verdict = await json<Verdict>(2, 'why', '--', id)
    assert.deepEqual([verdict.state, verdict.cause, verdict.service], ['held', 'refused', 'billing'])
    assert.match((await run('timeline', '--', id)).out, /^held: .*no_cli/m)
    const [dryRun, redrive] = verdict.next.map(({ command }) => command)
    assert.deepEqual(pasted(dryRun!), { status: 2, stdout: 'billing: 0 events would be applied, 1 still parked' })
    await sql(billing, 'ALTER TABLE invoices DROP CONSTRAINT no_cli')
    assert.deepEqual(pasted(redrive!), { status: 0, stdout: 'billing: 1 event applied, 0 still parked' })
    // It may wait for stock then.
    await until(
      'nothing holds it up',
      async () => JSON.parse((await run('why', '--json', '--', id)).out).state !== 'held',
    )
    assert.equal((await run('redrive', '--', id)).code, 3)
    assert.equal((await run('parked', '--', id)).code, 3)
    assert.equal((await run('why', 'cli-none')).code, 3)
  })

  /** What the verdict offers, in a shell that knows the program; the first line that it prints, up to what stopped it. */
  function pasted(command: string) {
    const folder = mkdtempSync(join(tmpdir(), 'inorder-cli-'))
    const PATH = `${join(root, 'node_modules/.bin')}:${process.env.PATH}`
    const env = { ...cleanEnvironment(), PATH, INORDER_PORT_OFFSET: String(stack.offset) }
    const { status, stdout } = spawnSync('bash', ['-c', command], { cwd: folder, env, encoding: 'utf8' })
    assert.deepEqual(readdirSync(folder), [], 'nothing of the id was run')
    rmSync(folder, { recursive: true })
    return { status, stdout: stdout.split('\n')[0]?.replace(/, stopped at .*/, '') }
  }

  test('a job redrives what a cause holds up, and a discard gives one event up', async () => {
    const billing = stack.databaseUrl('billing')
    await sql(billing, `ALTER TABLE invoices ADD CONSTRAINT no_job CHECK (order_id NOT LIKE 'cli-job-%')`)
    for (const id of ['cli-job-1', 'cli-job-2', 'cli-job-3']) await json(0, 'create', id)
    type Listed = { items: { key: string; event: string }[] }
    const held = await until('all are parked', async () => {
      const { items } = await json<Listed>(0, 'parked', '--service=billing', '--cause=constraint')
      return items.length === 3 && items
    })
    const given = held.find(({ key }) => key === 'cli-job-3')!
    const discard = ['discard', '--service=billing', `--event=${given.event}`, '--reason=a test', '--', given.key]
    assert.match((await run(...discard)).err, /^inorder: Its version has to be skipped with it/)
    assert.equal((await run(...discard.toSpliced(1, 0, '--skip-version'))).code, 0)
    const redrive = ['redrive', '--service=billing', '--cause=constraint'] as const
    const stopped = await json<{ id: number; state: string }>(2, ...redrive, '--canary')
    assert.equal(stopped.state, 'stopped')
    await sql(billing, 'ALTER TABLE invoices DROP CONSTRAINT no_job')
    const done = await json<{ state: string; applied: number; by: string }>(0, ...redrive, '--rate=100')
    assert.deepEqual([done.state, done.applied, done.by], ['done', 2, 'ann'])
    assert.match((await run('jobs')).out, /^billing +\d+ +done +constraint +2 +2 +0 /m)
    assert.match((await run('jobs', String(stopped.id), '--service=billing')).out, /: stopped; 1 of 2 orders tried/)
  })

  test('pause holds an order where it is until resume', async () => {
    await made('cli-paused')
    assert.equal((await run('pause', 'cli-paused', '--reason=the customer calls')).code, 0)
    await json(0, 'update', 'cli-paused', 'confirmed')
    const held = await until('it is held in all four', async () => {
      const { items } = await json<{ items: { key: string }[] }>(0, 'parked', '--cause=paused')
      return items.length === 4 && items
    })
    assert.ok(held.every(({ key }) => key === 'cli-paused'))
    assert.match((await run('status')).out, /^order +cli-paused .* ann +the customer calls$/m)
    assert.match(
      (await run('redrive', '--service=order', '--', 'cli-paused')).err,
      /^inorder: An operator has paused this/,
    )
    assert.match((await run('resume', 'cli-paused')).out, /^shipping: cli-paused goes on$/m)
    await until('it goes on', async () => /^order +version 2, confirmed/m.test((await run('show', 'cli-paused')).out))
  })

  test('load at a rate, and changes of a few orders by some clients', async () => {
    const rated = await json<{ sent: number; answers: Record<string, number>; latency: { p99: number } }>(
      0,
      'load',
      '--rate=50',
      '--seconds=1',
    )
    assert.deepEqual([rated.sent, Object.values(rated.answers).reduce((a, b) => a + b)], [50, 50])
    assert.ok((rated.answers[201] ?? 0) > 0 && rated.latency.p99 > 0, JSON.stringify(rated))
    const { out } = await run('load', '--clients=4', '--seconds=0.5', '--keys=5', '--zipf=1')
    assert.match(out, /^answers +\d+ x 20[02]/m)
    assert.match(out, /^ms +\d+\.\d\d /m)
  })

  test('the program itself: from another folder, with a token file of a relative path, and an id that is an option', () => {
    const folder = mkdtempSync(join(tmpdir(), 'inorder-cli-'))
    try {
      writeFileSync(join(folder, 'token'), 'nobody-asks\n')
      const env = { ...cleanEnvironment(), INORDER_PORT_OFFSET: String(stack.offset), INORDER_TOKEN_FILE: 'token' }
      const options = { cwd: folder, env, encoding: 'utf8' } as const
      const { status, stdout, stderr } = spawnSync(
        join(root, 'node_modules/.bin/inorder'),
        ['show', '--', '--json'],
        options,
      )
      assert.deepEqual([status, stdout], [3, ''], stderr)
      assert.match(stderr, /^inorder: There is no such order: /)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
