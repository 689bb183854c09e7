// `npm run test:secured`: all services where everything asks who comes. An order goes its whole way; for a minute, in which each
// login to Kafka ends six times, nothing is lost, reordered or reported; and whatever is wrong is refused by a line that says
// what. Its last lines are the table of docs/decisions/secured.md.
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Timeline } from '@inorder/contracts/timeline.ts'
import { kafkaAccess } from '@inorder/messaging/kafka/access-settings.ts'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import { readLog } from '@inorder/messaging/kafka/log-reader.ts'
import { until } from '@inorder/testing/until.ts'
import { refusedCallers, refusedServices } from './secured-refusals.ts'
import { runSql } from './secured-services.ts'
import { type Name, names, type SecuredStack, startSecuredStack } from './secured-stack.ts'

const loadMs = Number(process.env.SECURED_LOAD_MS ?? 60_000)
const clients = 8
const consumers = names.filter((name) => name !== 'cart')

suite('a secured cluster', () => {
  let stack: SecuredStack
  let tokens: { read: string; write: string; operate: string }
  const refused: string[] = []

  before(async () => {
    stack = await startSecuredStack()
    const [read, write, operate] = await Promise.all(
      ['orders:read', 'orders:write', 'operate'].map((s) => stack.tokenOf(s)),
    )
    tokens = { read: read!, write: write!, operate: operate! }
  })
  after(async () => {
    await stack?.stop()
    console.log(['| wrong is | answered, or `missing` of `/health/ready` |', '|---|---|', ...refused].join('\n'))
  })

  let again = 0
  /** Again, when it says, where a service is behind. */
  async function send(name: Name, token: string | undefined, method: string, path: string, body?: object) {
    const headers = {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': 'application/json' }),
    }
    for (;;) {
      const answer = await fetch(stack.serviceOf(name).url + path, { method, headers, body: JSON.stringify(body) })
      const text = await answer.text()
      const retryAfter = answer.headers.get('retry-after')
      if (answer.status !== 503 || retryAfter === null) return { status: answer.status, text }
      again++
      await pause(Number(retryAfter) * 1_000)
    }
  }
  const get = async (name: Name, path: string) => {
    const { status, text } = await send(name, tokens.read, 'GET', path)
    assert.equal(status, 200, `${name} ${path}: ${status} ${text}`)
    return JSON.parse(text)
  }
  const write = async (method: string, path: string, body: object, ...expected: number[]) => {
    const { status, text } = await send('cart', tokens.write, method, path, body)
    assert.ok(expected.includes(status), `${method} ${path}: ${status} ${text}`)
    return status
  }
  const reaches = (name: Name, path: string, status: string) =>
    until(`${name}: ${path} is ${status}`, async () => (await get(name, path)).status === status)

  test('an order goes its whole way through all services, each of which asks who calls', async () => {
    const put = await send('inventory', tokens.operate, 'PUT', '/stock/lamp', { onHand: 5 })
    assert.equal(put.status, 200, put.text)
    const items = [{ itemId: 'lamp', quantity: 2, price: 9.99 }]
    await write('POST', '/create-order', { orderId: 'whole-way', customerId: 'ann', items }, 201, 202)
    await reaches('inventory', '/reservations/whole-way', 'reserved')
    for (const status of ['confirmed', 'shipped'])
      await write('PUT', '/update-order', { orderId: 'whole-way', status }, 200, 202)
    await reaches('order', '/order-details?orderId=whole-way&minVersion=3&wait=20', 'shipped')
    await reaches('inventory', '/reservations/whole-way', 'shipped')
    await reaches('billing', '/invoices/whole-way', 'charged')
    await reaches('shipping', '/shipments/whole-way', 'dispatched')
  })

  test('the console shows that order to who may read it, and nobody does more there than their token allows', async () => {
    const { url } = stack.console
    const post = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
      fetch(url + path, {
        method: 'POST',
        redirect: 'manual',
        headers: { origin: url, ...headers },
        body: new URLSearchParams(fields),
      })
    const signedIn = async (credential: string) => {
      const answer = await post('/sign-in', { credential })
      assert.equal(answer.status, 303)
      return { cookie: answer.headers.get('set-cookie')?.split(';')[0] ?? '' }
    }
    const html = { accept: 'text/html' }
    const page = '/orders/whole-way'
    const readers = await signedIn(tokens.read)
    assert.equal((await fetch(url + page, { headers: html })).status, 401)
    const shown = await fetch(url + page, { headers: { ...html, ...readers } })
    assert.equal(shown.status, 200)
    assert.match(await shown.text(), /whole-way/)
    const timeline = await fetch(`${url}/timeline/whole-way`, { headers: readers })
    const { services } = (await timeline.json()) as Timeline
    for (const name of names) assert.equal(services[name]?.reachable, true, name)

    const change = { key: 'whole-way', status: 'delivered' }
    await post('/do/update', change, readers)
    for (const origin of ['null', 'http://127.0.0.1:1', 'http://shop.example'])
      assert.equal((await post('/do/update', change, { ...readers, origin })).status, 403, origin)
    assert.equal((await get('order', '/order-details?orderId=whole-way')).status, 'shipped')
    const both = await signedIn(await stack.tokenOf('orders:read orders:write'))
    assert.equal((await post('/do/update', change, both)).status, 303)
    await reaches('order', '/order-details?orderId=whole-way&minVersion=4&wait=20', 'delivered')
  })

  test('logins that hold for 10 s, a minute of orders: nothing is lost, reordered or reported', async () => {
    const before = new Map(names.map((name) => [name, stack.serviceOf(name).logged().length]))
    const end = performance.now() + loadMs
    const orders = new Set<string>()
    let pending = 0
    const load = async (client: number) => {
      for (let n = 0; performance.now() < end; n++) {
        const orderId = `o-${client}-${n}`
        const created = await write('POST', '/create-order', { orderId, itemsNum: 1 }, 201, 202)
        const changed = await write('PUT', '/update-order', { orderId, status: 'confirmed' }, 200, 202)
        orders.add(orderId)
        pending += Number(created === 202) + Number(changed === 202)
      }
    }
    await Promise.all(Array.from({ length: clients }, (_, client) => load(client)))
    console.log(`${orders.size} orders; ${again} requests were sent again; ${pending} answers came before Kafka's`)

    for (const name of consumers) {
      await until(`${name} has read it all`, async () => {
        const { items } = await get(name, '/ops/positions')
        return items.every(({ lag }: { lag: number | null }) => lag === 0)
      })
      assert.deepEqual((await get(name, '/ops/parked')).items, [], name)
      const all = `SELECT count(*)::int AS orders, min(applied_version)::int AS least, max(applied_version)::int AS most
                   FROM inbox_key WHERE key <> 'whole-way'`
      const applied = await runSql(stack.settingsOf(name).DATABASE_URL!, all)
      assert.deepEqual(applied, [{ orders: orders.size, least: 2, most: 2 }], name)
    }
    const versions = await versionsInLog()
    for (const orderId of orders) assert.deepEqual(versions.get(orderId), ['1', '2'], orderId)
    for (const name of names)
      assert.doesNotMatch(
        stack.serviceOf(name).logged().slice(before.get(name)),
        /Kafka is unavailable|reading the topic failed|"alarm"/,
        name,
      )
  })

  /** Of each order, as the log has them; repeats left out. */
  async function versionsInLog(): Promise<Map<string, string[]>> {
    const access = kafkaAccess(stack.settingsOf('cart'))
    const cluster = { brokers: stack.kafka.secured.split(','), access, clientId: 'secured-test' }
    const admin = new KafkaAdmin(cluster)
    const topic = 'order-events'
    const { id, starts, ends } = await admin.log(topic, 10_000)
    await admin.close()
    const spans = new Map(ends.map((to, partition) => [partition, { from: starts[partition]!, to }]))
    const versions = new Map<string, string[]>()
    await readLog(cluster, { topic, topicId: id, spans }, async (records) => {
      for (const { key, headers } of records) {
        const version = String(headers.find(([name]) => String(name) === 'order-version')?.[1])
        const known = versions.get(String(key)) ?? []
        if (!known.includes(version)) versions.set(String(key), [...known, version])
      }
    })
    return versions
  }

  test('who may not call is told why', async () => {
    for (const { wrong, token, status, told } of await refusedCallers(stack)) {
      const answer = await send('cart', token, 'POST', '/create-order', { orderId: 'refused', itemsNum: 1 })
      const { type, detail } = JSON.parse(answer.text)
      assert.equal(answer.status, status, wrong)
      assert.match(detail, told, wrong)
      refused.push(`| ${wrong} | ${status} \`${type.replace('/problems/', '')}\`: ${detail} |`)
    }
  })

  for (const { wrong, env, told } of refusedServices)
    test(`a service is not ready, and says why: ${wrong}`, async () => {
      const said = await stack.saidWith(env(stack), told)
      refused.push(`| ${wrong} | ${said} |`)
    })
})
