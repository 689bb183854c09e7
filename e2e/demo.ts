// `npm run demo`: what the promise is worth, to watch, on a stack of its own. Each step says what happens, sees that it does,
// and says what was seen; what was not seen ends it with exit code 1. `-- --stay` keeps the stack until Ctrl-C.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { stepsOf, type Timeline } from '@inorder/contracts/timeline.ts'
import { type Stack, startStack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { type Answer, send } from './http.ts'
import { Load } from './load.ts'
import { type ParkedKey, Shop } from './shop.ts'
import { produce } from './topic.ts'

const consumers = ['order', 'inventory', 'billing', 'shipping']
const stay = process.argv.includes('--stay')
const giveUp = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => giveUp.abort())
if (process.connected) process.on('disconnect', () => giveUp.abort())

const begun = performance.now()
const say = (line: string) => console.log(`${((performance.now() - begun) / 1000).toFixed(1).padStart(7)} s  ${line}`)
let steps = 0
async function step(what: string, seen: () => Promise<string[]>): Promise<void> {
  console.log(`\n${++steps}. ${what}`)
  const aborted = once(giveUp.signal, 'abort').then(() => giveUp.signal.throwIfAborted())
  for (const line of (await Promise.race([seen(), aborted])) ?? []) say(line)
}

let stack: Stack | undefined
let code = 0
try {
  say(
    'starting three Kafka brokers, PostgreSQL, a schema registry, five services and the console, beside whatever else runs here',
  )
  stack = await startStack({ args: ['--brokers', '3'], env: { SEED_STOCK: 'on' }, signal: giveUp.signal })
  await demonstrate(stack)
  if (stay && !giveUp.signal.aborted) {
    console.log('\nThe stack runs on: Ctrl-C ends it.')
    await once(giveUp.signal, 'abort')
  }
} catch (error) {
  code = giveUp.signal.aborted ? 130 : 1
  if (code === 1) console.error(`\nNOT SEEN: ${error instanceof Error ? error.message : error}`)
} finally {
  console.log('')
  say('stopping, and removing all of its data')
  await stack?.stop()
}
process.exit(code)

async function demonstrate(stack: Stack): Promise<void> {
  const shop = new Shop(stack)
  const orderId = 'demo-1'
  const of = (service: string, path: string, request = {}) => send(`${stack.url(service)}${path}`, request)
  const isAt = (service: string, path: string, status: string) =>
    until(`${service} says "${status}" of ${orderId}`, async () => (await of(service, path)).json().status === status)
  const ok = (answer: Answer, status = 200) => {
    assert.equal(answer.status, status, `${answer.status} instead of ${status}: ${answer.text}`)
    return answer
  }
  const change = async (status: string) => ok(await shop.update(orderId, status))
  const hasConsole = stack.parts().some(({ name }) => name === 'console')
  const page = hasConsole ? stack.url('console') : undefined
  say(`ready${page ? `: watch it at ${page}` : ''}`)

  await step('An order goes its way through five services.', async () => {
    ok(await shop.create(orderId), 201)
    await change('confirmed')
    await isAt('inventory', `/reservations/${orderId}`, 'reserved')
    await isAt('billing', `/invoices/${orderId}`, 'charged')
    await change('shipped')
    await isAt('shipping', `/shipments/${orderId}`, 'dispatched')
    return [`${orderId} was created, reserved, charged, shipped and has its label`]
  })

  await step('Orders flow, and a Kafka broker is killed in the middle.', async () => {
    const load = new Load(shop, 'load', { changing: 4, once: 2 })
    try {
      await load.more(300)
      const pid = stack.kill('kafka-2')
      say(`kafka-2 (process ${pid}) was killed with SIGKILL; orders go on`)
      await load.more(600)
    } finally {
      await load.end()
    }
    await load.arrives(stack)
    const { accepted, refused, unknown } = load
    return [
      `${accepted} changes were accepted, ${refused} were refused and ${unknown} had no answer (clients repeated them)`,
      'every accepted one is in Kafka and in the order service, once, in the order of its versions',
    ]
  })

  let head: ParkedKey['events'][number]
  await step('An order is poisoned: a record that nobody can read gets into the topic under its key.', async () => {
    await produce(stack.address('kafka'), 'order-events', [
      { key: Buffer.from(orderId), value: Buffer.from('garbage') },
    ])
    await change('delivered')
    for (const service of consumers)
      await until(`${service} holds the order`, async () => {
        const answer = await of(service, `/ops/parked/${orderId}`)
        return answer.status === 200 && answer.json<ParkedKey>().events.length === 2
      })
    head = (await shop.parked(orderId)).json<ParkedKey>().events[0]!
    ok(await shop.details(orderId, { minVersion: 4 }), 503)
    ok(await shop.create('demo-2'), 201)
    ok(await shop.details('demo-2', { minVersion: 1, wait: 20 }))
    return [
      `${orderId} stands still at version 3 in ${consumers.join(', ')}: version 4 waits behind the record`,
      'another order was created meanwhile, and is in the order service',
    ]
  })

  await step('Why does it stand still?', async () => {
    if (!page) return [`the order service says: ${head.cause}, ${head.detail} (${head.event})`]
    const { verdict } = ok(await send(`${page}/timeline/${orderId}`)).json<Timeline>()
    assert.deepEqual([verdict.state, verdict.cause], ['held', 'undecodable'], verdict.sentence)
    const next = stepsOf(verdict).map(
      ({ commands, explains }) => `  ${[...commands, explains].join('\n             ')}`,
    )
    return [`${page}/timeline/${orderId} says: ${verdict.sentence}`, 'what helps:', ...next]
  })

  await step('The unreadable record is given up, in each service; what waited behind it is applied.', async () => {
    const path = `/ops/parked/${orderId}`
    const write = (body: object) => ({ method: 'POST', headers: { 'x-operator': 'demo' }, body })
    const tried = ok(await of('order', `${path}/redrive`, write({ dryRun: true }))).json()
    assert.equal(tried.applied, 0)
    for (const service of consumers) {
      const { remaining } = ok(
        await of(service, `${path}/discard`, write({ event: head.event, reason: 'the demo put it there' })),
      ).json()
      assert.equal(remaining, 0)
    }
    return [
      'a redrive would have changed nothing: the bytes stay unreadable',
      'with a discard in each service it goes on',
    ]
  })

  await step('All versions are there, in order.', async () => {
    for (const service of consumers) {
      const { appliedVersion, held } = ok(await of(service, `/ops/keys/${orderId}`)).json()
      assert.deepEqual([appliedVersion, held], [4, false], service)
    }
    const { items } = ok(await of('order', `/orders/${orderId}/versions`)).json<{ items: Record<string, unknown>[] }>()
    const history = items.map(
      ({ version, previousStatus, status }) => `${version}: ${previousStatus ? `${previousStatus} -> ` : ''}${status}`,
    )
    assert.deepEqual(history, ['1: new', '2: new -> confirmed', '3: confirmed -> shipped', '4: shipped -> delivered'])
    return [...history, `each of ${consumers.join(', ')} is at version 4`]
  })

  if (page) {
    console.log('\nTo look at (with `npm run demo -- --stay`):')
    for (const path of ['/', `/orders/${orderId}`]) say(page + path)
  }
}
