// The service and its carrier as processes, with a real Kafka, registry and PostgreSQL.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import type { Order } from '@inorder/contracts/order.ts'
import { orderEventsWriter } from '@inorder/service/order-events.fixture.ts'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import { type ServiceProcess, startService } from '@inorder/testing/service-process.ts'
import { until } from '@inorder/testing/until.ts'

const main = new URL('main.ts', import.meta.url)
let database: Awaited<ReturnType<typeof freshDatabase>>
let events: Awaited<ReturnType<typeof orderEventsWriter>>
let carrier: ServiceProcess
let door: Awaited<ReturnType<typeof doorTo>>
let shipping: ServiceProcess

// Not where we reach the carrier, but where those who read a label do.
const publicUrl = 'http://labels.example'
const start = () =>
  startService(main, { DATABASE_URL: database.url, CARRIER_URL: door.url, CARRIER_PUBLIC_URL: publicUrl })

before(async () => {
  database = await freshDatabase('shipping')
  events = await orderEventsWriter()
  carrier = await startService(new URL('../../carrier/src/main.ts', import.meta.url), {})
  await carrier.ready()
  door = await doorTo(carrier.url)
  shipping = await start()
  await shipping.ready()
})
after(async () => {
  await Promise.all([shipping.stop(), carrier.stop()])
  door.close()
  events.close()
  await database.drop()
})

/** What is in front of the carrier, and may give answers of its own. */
async function doorTo(target: string) {
  const door = { url: '', refused: 0, status: 200, close: () => server.close() }
  const server = createServer(async (request, response) => {
    if (door.status !== 200) {
      door.refused++
      response.writeHead(door.status).end('<html>not here</html>')
      return
    }
    const headers = { 'content-type': 'application/json', 'idempotency-key': `${request.headers['idempotency-key']}` }
    const answer = await fetch(target + request.url, { method: 'POST', headers, body: await text(request) })
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  door.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return door
}

const order = (orderId: string, status: string): Order => ({
  orderId,
  customerId: 'c',
  orderDate: '2026-11-23T14:20:19.000Z',
  items: [{ itemId: 'a', quantity: 1, price: 110 }],
  totalAmount: 110,
  currency: 'USD',
  status,
})
const publish = (orderId: string, ...statuses: string[]) =>
  events.publish(...statuses.map((status) => order(orderId, status)))
const shipment = async (orderId: string) => {
  const answer = await shipping.get(`/shipments/${orderId}`)
  return (await answer.json()) as {
    status: string
    shippingCost: number
    label: string
    tracking: string
    reason: string
  }
}
const reaches = (orderId: string, status: string) =>
  until(`${orderId} is ${status}`, async () => (await shipment(orderId)).status === status && (await shipment(orderId)))
const behave = async (mode: string) => {
  const body = JSON.stringify({ mode })
  const headers = { 'content-type': 'application/json' }
  assert.equal((await fetch(`${carrier.url}/behaviour`, { method: 'PUT', headers, body })).status, 200)
}
const deeds = async (orderId: string) => {
  const { items } = (await (await carrier.get(`/deeds?orderId=${orderId}`)).json()) as { items: { action: string }[] }
  return items.map(({ action }) => action)
}

test('from the quote to delivery: the label is the one that the carrier gave', async () => {
  const orderId = unique('o')
  await publish(orderId, 'new')
  assert.equal((await reaches(orderId, 'quoted')).shippingCost, 2.2)
  await publish(orderId, 'confirmed', 'shipped')
  const { label, tracking } = await reaches(orderId, 'dispatched')
  assert.equal(label, `${publicUrl}/labels/${tracking}`)
  await publish(orderId, 'delivered')
  await reaches(orderId, 'delivered')
  assert.deepEqual(await deeds(orderId), ['labels'])
})

test('cancelled while the carrier is away: the label that was asked for is taken back once it is there', async () => {
  const orderId = unique('o')
  await behave('fail')
  await publish(orderId, 'new', 'shipped')
  await reaches(orderId, 'requested')
  await publish(orderId, 'cancelled')
  await reaches(orderId, 'cancelled')
  assert.deepEqual(await deeds(orderId), [])
  await behave('ok')
  await until('both were done', async () => (await deeds(orderId)).length === 2)
  assert.deepEqual(await deeds(orderId), ['labels', 'cancellations'])
})

test('cancelled after it was dispatched: a recall; a carrier that declines: cancelled, and nothing is parked', async () => {
  const [recalled, declined] = [unique('o'), unique('o')]
  await publish(recalled, 'new', 'shipped')
  await reaches(recalled, 'dispatched')
  await publish(recalled, 'cancelled')
  await reaches(recalled, 'recalled')
  await until('the carrier knows', async () => (await deeds(recalled)).length === 2)
  await behave('decline')
  await publish(declined, 'new', 'shipped')
  assert.equal((await reaches(declined, 'cancelled')).reason, 'declined by the carrier')
  await behave('ok')
  for (const orderId of [recalled, declined])
    assert.equal((await shipping.get(`/ops/parked/${orderId}`)).status, 404, 'nothing is parked')
})

test('killed while the carrier is slow: the order gets one label', async () => {
  const orderId = unique('o')
  await behave('slow')
  await publish(orderId, 'new', 'shipped')
  await until('the carrier has begun', async () => (await deeds(orderId)).length === 1)
  await shipping.kill()
  await behave('ok')
  shipping = await start()
  await shipping.ready()
  const { tracking } = await reaches(orderId, 'dispatched')
  assert.ok(tracking)
  assert.deepEqual(await deeds(orderId), ['labels'])
})

test('a carrier that answers 404 for a while, and one that knows us no more: every label comes once it is well', async () => {
  for (const status of [404, 401]) {
    const orders = Array.from({ length: 10 }, () => unique('o'))
    door.status = status
    door.refused = 0
    await Promise.all(orders.map((orderId) => publish(orderId, 'new', 'shipped')))
    await until('each was refused', () => door.refused >= 10)
    for (const orderId of orders) assert.equal((await shipment(orderId)).status, 'requested')
    door.status = 200
    for (const orderId of orders) await reaches(orderId, 'dispatched')
    const { items } = (await (await shipping.get('/ops/effects')).json()) as { items: { key: string }[] }
    assert.ok(items.every(({ key }) => !orders.includes(key)))
    for (const orderId of orders) assert.deepEqual(await deeds(orderId), ['labels'])
  }
})

test('the sandbox takes no behaviour that is not named', async () => {
  for (const body of ['{}', '{"mode":"odd"}', '']) {
    const headers = { 'content-type': 'application/json' }
    assert.equal((await fetch(`${carrier.url}/behaviour`, { method: 'PUT', headers, body })).status, 400, body)
  }
})

test('an order that never came is a 404', async () => {
  assert.equal((await shipping.get(`/shipments/${unique('o')}`)).status, 404)
})
