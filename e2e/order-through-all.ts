// An order from the cart through every service, at the ports that the run of the containers uses.
import assert from 'node:assert/strict'
import { until } from '@inorder/testing/until.ts'

const at = { console: 33000, cart: 33001, order: 33010, inventory: 33003, billing: 33004, shipping: 33005 }
const limit = 180_000

/** Creates, confirms and ships an order, and waits until each service has done its part. */
export async function throughAll(orderId: string): Promise<void> {
  const id = `${orderId}-${Date.now()}`
  await until(`${id} is created`, () => write('POST', '/create-order', { orderId: id, itemsNum: 2 }), limit)
  for (const status of ['confirmed', 'shipped'])
    await until(`${id} is ${status}`, () => write('PUT', '/update-order', { orderId: id, status }), limit)
  await reaches('order', `/order-details?orderId=${id}`, ({ status }) => status === 'shipped')
  await reaches('inventory', `/reservations/${id}`, ({ status }) => typeof status === 'string')
  await reaches('billing', `/invoices/${id}`, ({ status }) => status === 'charged')
  await reaches('shipping', `/shipments/${id}`, ({ status, label }) => {
    if (status !== 'dispatched') return false
    // Those who read it are on this machine, not in the network of the containers.
    assert.match(String(label), /^http:\/\/127\.0\.0\.1:33007\/labels\//)
    return true
  })
  await reaches('console', `/timeline/${id}`, ({ verdict }) => (verdict as { state: string }).state === 'fine')
}

/** While a part comes back the cart says 503, and a repeat with the same key has no second effect. */
async function write(
  method: string,
  path: string,
  body: { orderId: string; status?: string; itemsNum?: number },
): Promise<boolean> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': `${body.orderId}-${body.status ?? 'new'}` }
  const answer = await fetch(`http://127.0.0.1:${at.cart}${path}`, {
    method,
    headers,
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  })
  const text = await answer.text()
  if (answer.ok) return true
  throw new Error(`${answer.status} ${text}`)
}

async function reaches(
  service: keyof typeof at,
  path: string,
  isThere: (body: Record<string, unknown>) => boolean,
): Promise<void> {
  await until(
    `${service} has ${path}`,
    async () => {
      const answer = await fetch(`http://127.0.0.1:${at[service]}${path}`, { signal: AbortSignal.timeout(10_000) })
      const text = await answer.text()
      if (answer.status !== 200 || !isThere(JSON.parse(text))) throw new Error(`${answer.status} ${text}`)
      return true
    },
    limit,
  )
}
