// The promises of `npm start`. One stack lives through most of the tests, in the order they stand here; the stops that
// are asked for in every other way use its Kafka and registry, so that each costs a PostgreSQL only.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import { freePortOffset } from '@inorder/testing/ports.ts'
import { until } from '@inorder/testing/until.ts'
import pg from 'pg'
import { bootstrap, inTerminal, isOpen, Launched, npmStart, root, starter } from './starter.ts'

const serviceNames = ['cart', 'order', 'inventory', 'billing', 'shipping', 'payment', 'carrier', 'console']
const launched: Launched[] = []
const folder = mkdtempSync(join(tmpdir(), 'inorder-start-stop-'))
const data = join(folder, 'data')
const install = join(root, '.local/install')
let offset = 0
let stack: Launched

function launch(command: string[], env: Record<string, string> = {}): Launched {
  const base = { INORDER_DATA: data, INORDER_PORT_OFFSET: String(offset) }
  const one = new Launched(command, { ...base, ...env })
  launched.push(one)
  return one
}

const fresh = () => mkdtempSync(join(folder, 'data-'))

before(async () => {
  offset = await freePortOffset()
})
after(() => {
  for (const one of launched) one.killAll()
  rmSync(folder, { recursive: true, force: true })
})

test('a first start prints each step with its time, then one line that begins with ready and names the addresses', async () => {
  stack = launch(npmStart, { SEED_STOCK: 'on' })
  const ready = await stack.ready()
  for (const step of ['PostgreSQL', 'Kafka', 'schema registry', 'topics', 'schemas']) {
    assert.match(stack.output, new RegExp(`^ +\\d+\\.\\d s  ${step}.* \\(\\d+\\.\\d s\\)$`, 'm'))
  }
  const { starter, parts } = stack.stackFile()
  assert.doesNotThrow(() => process.kill(starter, 0))
  assert.deepEqual(parts.map(({ name }) => name).sort(), ['kafka', 'postgres', 'registry', ...serviceNames].sort())
  for (const { name, pid, address } of parts) {
    assert.ok(ready.includes(address), `${address} in ${ready}`)
    assert.ok(await isOpen(address), `${address} is open`)
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    const working = { postgres: /bin\/postgres/, kafka: /kafka\.Kafka/, registry: /quarkus-run/ }[name] ?? /main\.ts/
    assert.match(command, working, 'the process that does the work, not a wrapper')
  }
  await withDatabase((db) => db.query('CREATE TABLE kept AS SELECT 1 AS one'))
})

test('the items of generated orders are on stock, and one line says so', async () => {
  assert.match(stack.output, /^ *\d+\.\d s {2}stock: 1,000,000 each of 1,099 items.*SEED_STOCK=off/m)
  for (const item of ['item-1', 'item-1099']) assert.equal((await stockOf(item)).available, 1_000_000)
  assert.equal((await stockOf('item-1100')).status, 404)
  const body = JSON.stringify({ onHand: 7 })
  await fetch(stockUrl('item-1'), { method: 'PUT', headers: { 'content-type': 'application/json' }, body })
  await withDatabase((db) => db.query(`DELETE FROM stock WHERE item_id = 'item-2'`), 'inventory')
})

test('a second start is refused in one line that names the starter', async () => {
  const second = launch(starter)
  assert.equal(await second.exitCode(), 1)
  assert.equal(second.lines.length, 1, second.output)
  assert.match(second.output, new RegExp(`process ${stack.stackFile().starter}\\b`))
})

test('a taken port is named in one line, and nothing is left running', async () => {
  const another = launch(starter, { INORDER_DATA: fresh() })
  await another.endsCleanly(1)
  assert.match(another.lines.at(-1) ?? '', /^port \d+ .* is taken .*INORDER_PORT_OFFSET/)
})

describe('asked to stop, everything ends within 10 s, in order, with exit code 0', () => {
  const ways: [string, string[], (one: Launched) => void][] = [
    ['SIGTERM to npm', npmStart, (one) => one.child.kill('SIGTERM')],
    ['SIGINT to npm, twice', npmStart, (one) => twice(() => one.child.kill('SIGINT'))],
    ['SIGTERM to the bootstrap', bootstrap, (one) => one.child.kill('SIGTERM')],
    ['SIGTERM to the starter', npmStart, (one) => process.kill(one.stackFile().starter, 'SIGTERM')],
    ['SIGHUP to the starter', starter, (one) => one.child.kill('SIGHUP')],
    ['Ctrl-C in a terminal', inTerminal, (one) => twice(() => one.child.stdin?.write('\x03'))],
  ]
  for (const [way, command, ask] of ways) {
    test(way, async () => {
      const one = launch(command, await onGivenParts())
      await one.ready()
      assert.deepEqual(
        one.stackFile().parts.map(({ name }) => name),
        ['postgres'],
      )
      ask(one)
      await one.endsCleanly()
      // A terminal throws away what it has not shown yet when Ctrl-C is pressed: by the second one, "stopping".
      assert.match(one.output, command === inTerminal ? /stopped/ : /stopping[\s\S]*stopped/)
    })
  }

  test('SIGTERM in the middle of the start', async () => {
    const one = launch(npmStart, { ...(await elsewhere()), INORDER_SERVICES: 'none' })
    await one.line(/PostgreSQL/)
    one.child.kill('SIGTERM')
    await one.endsCleanly()
    assert.doesNotMatch(one.output, /^ready/m)
  })
})

test('the starter stops when the bootstrap is killed', async () => {
  const one = launch(bootstrap, await onGivenParts())
  await one.ready()
  one.child.kill('SIGKILL')
  // The pipes of what it wrote to close when the starter has ended as well.
  await one.endsCleanly(null)
})

test('what is given is used, and its part is not started', async () => {
  // What the URL leaves open is taken from the user's variables, which are of that server.
  const database = { DATABASE_URL: `postgres://127.0.0.1:${offset + 5433}`, PGUSER: 'postgres', USER: 'nobody' }
  const one = launch(starter, { ...(await onGivenParts()), ...database })
  const ready = await one.ready()
  assert.deepEqual(one.stackFile().parts, [])
  for (const { name, address } of stack.stackFile().parts.filter((part) => !serviceNames.includes(part.name)))
    assert.ok(ready.includes(address), `${name} at ${address} in ${ready}`)
  one.child.kill('SIGTERM')
  await one.endsCleanly()
})

test('data that another release made: one line says what to do, and nothing is left running', async () => {
  const env = { DATABASE_URL: `postgres://postgres@127.0.0.1:${offset + 5433}`, INORDER_SERVICES: 'cart' }
  const swap = () => withDatabase((db) => db.query('UPDATE migrations_outbox SET md5 = reverse(md5)'))
  await swap()
  const one = launch(starter, { ...(await onGivenParts()), ...env })
  try {
    await one.exitCode()
  } finally {
    await swap()
  }
  await one.endsCleanly(1)
  assert.match(one.lines.at(-1) ?? '', /^cart ended .* another release made this database .*INORDER_DATA.*Never delete/)
})

test('a part that ends is started again, with a line that says so', async () => {
  for (const name of ['kafka', 'registry', 'postgres', 'cart']) {
    const { pid, address } = stack.stackFile().parts.find((part) => part.name === name) ?? assert.fail(name)
    process.kill(pid, 'SIGKILL')
    await stack.line(new RegExp(`${name} ended \\(SIGKILL\\): starting it again`))
    await until(`${name} works again`, async () => stack.pid(name) !== pid && (await isOpen(address)))
  }
})

test('what a killed starter left is stopped by the next start, which finds its data', async () => {
  const before = stack.stackFile()
  const topicId = await idOfTopic()
  process.kill(before.starter, 'SIGKILL')
  assert.notEqual(await stack.exitCode(), 0)
  for (const { pid } of before.parts) assert.doesNotThrow(() => process.kill(pid, 0))

  stack = launch(inTerminal, { SEED_STOCK: 'on' })
  await stack.ready()
  for (const { pid } of before.parts) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  assert.match(stack.output, /the last starter was killed: stopping what it left/)
  assert.equal(await idOfTopic(), topicId)
  assert.match(stack.output, /stock: 1,000,000 each of 1 items/, 'only what has no row')
  assert.deepEqual([(await stockOf('item-1')).available, (await stockOf('item-2')).available], [7, 1_000_000])
  assert.deepEqual(await withDatabase(async (db) => (await db.query('SELECT one FROM kept')).rows), [{ one: 1 }])
})

test('Ctrl-C in a terminal stops the whole stack', async () => {
  twice(() => stack.child.stdin?.write('\x03'))
  await stack.endsCleanly()
})

test('one changed byte in a jar: the start fails in one line that names the file, and nothing is left running', async () => {
  for (const changed of ['kafka-4.3.1/kafka-clients-4.3.1.jar', 'registry-3.3.3/quarkus-run.jar']) {
    const copy = mkdtempSync(join(folder, 'install-'))
    cpSync(install, copy, { recursive: true })
    const bytes = readFileSync(join(copy, changed))
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
    writeFileSync(join(copy, changed), bytes)
    const one = launch(starter, { ...(await elsewhere()), INORDER_INSTALL: copy })
    await one.endsCleanly(1)
    assert.ok(one.lines.at(-1)?.includes(`${changed} is not the file that was chosen`), one.output)
    rmSync(copy, { recursive: true })
  }
})

test('what is given wrong is said in one line', async () => {
  const wrong: [RegExp, string[], Record<string, string>][] = [
    [/^--brokers is "2": npm start -- --instances <1 to 5> --brokers <1 or 3>$/, ['--brokers', '2'], {}],
    [
      /^ENOENT\b.*'\/proc\/inorder'.* name another folder with INORDER_DATA$/,
      [],
      { INORDER_DATA: '/proc/inorder/data' },
    ],
    [
      /^port 6000 \(cart\) is one that browsers and Node refuse to ask .*: start with INORDER_PORT_OFFSET=3009$/,
      [],
      { INORDER_PORT_OFFSET: '2999' },
    ],
  ]
  for (const [line, args, env] of wrong) {
    const one = launch([...bootstrap, ...args], { ...(await elsewhere()), ...env })
    assert.equal(await one.exitCode(), 1)
    assert.equal(one.lines.length, 1, one.output)
    assert.match(one.output, line)
  }
})

test('no Java that is new enough: one line that says what to do, and nothing is left running', async () => {
  // PostgreSQL, started at the same time, needs unshare; neither Java nor Python is here.
  const path = fresh()
  symlinkSync(execFileSync('which', ['unshare'], { encoding: 'utf8' }).trim(), join(path, 'unshare'))
  const env = { JAVA_HOME: '', INORDER_JVM_DIRS: '/nowhere', INORDER_INSTALL: fresh(), PATH: path }
  const one = launch(starter, { ...(await elsewhere()), ...env })
  await one.endsCleanly(1)
  assert.match(one.lines.at(-1) ?? '', /^no Java 21 or later .* install a JDK, or set JAVA_HOME$/)
})

const stockUrl = (item: string) => `http://127.0.0.1:${offset + 3003}/stock/${item}`
const stockOf = async (item: string) => (await (await fetch(stockUrl(item))).json()) as Record<string, unknown>

function twice(work: () => void): void {
  work()
  work()
}

/** Another data folder and other ports, so that it can run beside the stack. */
async function elsewhere(data = fresh()): Promise<Record<string, string>> {
  return { INORDER_DATA: data, INORDER_PORT_OFFSET: String(await freePortOffset()) }
}

/** Elsewhere, each in the folder of the one before it, on the stack's Kafka and registry, without services. */
async function onGivenParts(): Promise<Record<string, string>> {
  return {
    ...(await elsewhere(join(folder, 'beside'))),
    INORDER_SERVICES: 'none',
    KAFKA_BROKERS: `127.0.0.1:${offset + 9092}`,
    SCHEMA_REGISTRY_URL: `http://127.0.0.1:${offset + 8081}/apis/ccompat/v7`,
  }
}

async function withDatabase<T>(work: (db: pg.Client) => Promise<T>, service = 'cart'): Promise<T> {
  const db = new pg.Client(`postgres://postgres@127.0.0.1:${offset + 5433}/inorder_${service}`)
  await db.connect()
  try {
    return await work(db)
  } finally {
    await db.end()
  }
}

async function idOfTopic(): Promise<string> {
  const admin = new KafkaAdmin({ brokers: [`127.0.0.1:${offset + 9092}`], clientId: 'test' })
  try {
    return (await admin.topic('order-events', 10_000)).id
  } finally {
    await admin.close()
  }
}
