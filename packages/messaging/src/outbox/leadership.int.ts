import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freshDatabase } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import { pino } from 'pino'
import { Leadership } from './leadership.ts'

const children: ChildProcess[] = []
after(() => {
  for (const child of children) child.kill('SIGKILL')
})

/** An instance in a process of its own, that says when it leads and when it does no longer. */
function instance(url: string) {
  const script = `
    import { Leadership } from ${JSON.stringify(fileURLToPath(new URL('leadership.ts', import.meta.url)))}
    const logger = { info() {}, debug() {} }
    const lead = (signal) => {
      console.log('leads')
      signal.addEventListener('abort', () => console.log('lost'))
    }
    process.on('SIGUSR2', () => {
      const end = performance.now() + 4_500
      while (performance.now() < end);
      console.log('goes on')
    })
    new Leadership({ url: ${JSON.stringify(url)}, instance: 'child', logger, heartbeat: () => '', lead, run: { look: async () => {} } }).start()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const said: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => said.push(line))
  return { child, said }
}

test('rule 8: a leader that freezes loses the lock, and knows it when it thaws', async () => {
  const database = await freshDatabase('leader')
  const first = instance(database.url)
  await until('the first leads', () => first.said.includes('leads'))

  let leads = false
  const logger = pino({ level: 'silent' })
  const lead = (signal: AbortSignal) => {
    leads = true
    signal.addEventListener('abort', () => {
      leads = false
    })
  }
  const second = new Leadership({
    url: database.url,
    instance: 'second',
    logger,
    heartbeat: () => 'beat',
    lead,
    run: { look: async () => {} },
  })
  second.start()
  first.child.kill('SIGSTOP')
  const frozen = performance.now()
  await until('the second leads', () => leads)
  const took = performance.now() - frozen
  assert.ok(took < 6_000, `it took ${took} ms`)

  first.child.kill('SIGCONT')
  await until('the first knows', () => first.said.includes('lost'))
  assert.ok(leads)

  await second.close()
  assert.equal(leads, false, 'closing gives the lock away')
  await until('the first leads again', () => first.said.filter((line) => line === 'leads').length === 2)
  first.child.kill('SIGKILL')
  await database.drop()
})

test('rule 8: a leader whose event loop stands still for more than the limit loses the lock, and knows it', async () => {
  const database = await freshDatabase('leader')
  const first = instance(database.url)
  await until('the first leads', () => first.said.includes('leads'))
  const second = instance(database.url)
  first.child.kill('SIGUSR2')
  await until('the second leads', () => second.said.includes('leads'))
  await until('the first knows', () => first.said.includes('lost'))
  assert.deepEqual(first.said.slice(0, 3), ['leads', 'goes on', 'lost'])
  assert.ok(!second.said.includes('lost'))
  for (const { child } of [first, second]) child.kill('SIGKILL')
  await database.drop()
})

test('rule 8: two never lead at once, through the ends of sessions that an administrator may cause', async () => {
  const database = await freshDatabase('leader')
  const logger = pino({ level: 'silent' })
  const leading = new Set<string>()
  let most = 0
  let terms = 0
  const instances = ['a', 'b', 'c'].map((name) => {
    const lead = (signal: AbortSignal) => {
      leading.add(name)
      terms++
      // What the server has sent by now is read in any sequence: that another's session has ended, perhaps after this.
      setImmediate(() => {
        most = Math.max(most, leading.size)
      })
      signal.addEventListener('abort', () => leading.delete(name))
    }
    return new Leadership({
      url: database.url,
      instance: name,
      logger,
      heartbeat: () => 'beat',
      lead,
      run: { look: async () => {} },
    })
  })
  for (const leadership of instances) leadership.start()
  const { default: pg } = await import('pg')
  const admin = new pg.Client({ connectionString: database.url })
  await admin.connect()
  for (let term = 1; term <= 3; term++) {
    await until(`term ${term}`, () => terms >= term && leading.size === 1)
    // Of this database alone: other tests, which run at the same time, hold such locks too.
    await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
  }
  await until('another term', () => terms >= 4)
  assert.equal(most, 1)
  await admin.end()
  await Promise.all(instances.map((leadership) => leadership.close()))
  await database.drop()
})
