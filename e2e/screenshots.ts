// `npm run screenshots`: pictures of the console for README and docs, of a stack of its own with orders under way.
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startStack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { findChromium, launch } from './browser.ts'
import { send } from './http.ts'
import { Shop } from './shop.ts'
import { root } from './starter.ts'
import { produce } from './topic.ts'

process.env.INORDER_BROWSER = 'required'
const folder = join(root, 'docs/console')
const mostBytes = 150_000
mkdirSync(folder, { recursive: true })

const browser = await launch(findChromium()!)
const stack = await startStack()
try {
  const shop = new Shop(stack)
  const at = (service: string) => stack.url(service)
  await send(`${at('inventory')}/stock/pen`, { method: 'PUT', body: { onHand: 1_000_000 } })
  const create = (orderId: string) =>
    shop.create(
      orderId,
      {},
      { orderId, customerId: `c-${orderId.length}`, items: [{ itemId: 'pen', quantity: 2, price: 19.99 }] },
    )
  const garbage = (orderId: string) => ({ key: Buffer.from(orderId), value: Buffer.from('{"orderId":"not Avro"}') })
  const poison = (...orders: string[]) => produce(stack.address('kafka'), 'order-events', orders.map(garbage))

  for (const orderId of ['order-1041', 'order-1042', 'order-1043', 'order-1044']) await create(orderId)
  await shop.update('order-1042', 'confirmed')
  await until(
    'it is charged',
    async () => (await send(`${at('billing')}/invoices/order-1042`)).json().status === 'charged',
  )
  await poison('order-1042', 'order-1043')
  await send(`${at('payment')}/behaviour`, { method: 'PUT', body: { mode: 'fail' } })
  await shop.update('order-1044', 'confirmed')
  for (const status of ['paid', 'shipped']) await shop.update('order-1042', status)
  await until('all is parked', async () => {
    const { events } = (await send(`${at('shipping')}/ops/parked/order-1042`)).json<{ events: unknown[] }>()
    return events.length === 3
  })

  const page = await browser.newPage({
    baseURL: at('console'),
    viewport: { width: 1180, height: 820 },
    colorScheme: 'light',
  })
  await page.goto('/')
  // The charts show what comes while somebody looks.
  const end = performance.now() + 75_000
  for (let n = 0; performance.now() < end; n++) {
    await Promise.all(Array.from({ length: 6 + Math.round(4 * Math.sin(n / 20)) }, (_, m) => create(`o-${n}-${m}`)))
    await pause(100)
  }
  const shoot = async (name: string, path?: string, height = 820) => {
    await page.setViewportSize({ width: 1180, height })
    if (path) await page.goto(path)
    const file = join(folder, `${name}.png`)
    await page.screenshot({ path: file })
    const { size } = statSync(file)
    console.log(`${file}: ${size} bytes`)
    if (size > mostBytes) throw new Error(`${file} has ${size} bytes, more than ${mostBytes}`)
  }
  await shoot('overview', undefined, 1000)
  await shoot('order-held', '/orders/order-1042')
  await shoot('parked', '/parked/shipping/order-1042')
} finally {
  await browser.close()
  await stack.stop()
}
