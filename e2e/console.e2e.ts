// The console as people meet it: in a browser, with a keyboard, on a phone, without JavaScript.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { digestOf } from '@inorder/http/api-keys.ts'
import { startService } from '@inorder/testing/service-process.ts'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { findChromium, launch } from './browser.ts'
import { send } from './http.ts'
import { sharedStack } from './shared-stack.ts'
import { Shop } from './shop.ts'
import { produce } from './topic.ts'

const axe = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')
const consumers = ['order', 'inventory', 'billing', 'shipping']
const chromium = findChromium()

suite('the console in a browser', () => {
  let stack: Stack
  let shop: Shop
  let browser: Browser
  let context: BrowserContext
  let page: Page
  /** What pages were refused by their own policy, or asked of elsewhere. */
  const faults: string[] = []

  if (!chromium) return

  before(async () => {
    stack = await sharedStack({})
    shop = new Shop(stack)
    browser = await launch(chromium)
    context = await browser.newContext({ baseURL: stack.url('console'), viewport: { width: 1280, height: 900 } })
    context.setDefaultTimeout(20_000)
    context.on('request', (request) => {
      if (new URL(request.url()).origin !== stack.url('console')) faults.push(`asked of elsewhere: ${request.url()}`)
    })
    context.on('console', (message) => {
      if (message.type() === 'error' && /Content Security Policy/.test(message.text())) faults.push(message.text())
    })
    context.on('weberror', (error) => faults.push(String(error.error())))
    page = await context.newPage()
  })
  after(async () => {
    await browser?.close()
  })

  const tryIt = async (head: string, fields: Record<string, string>, button: string, on = page) => {
    await on.goto('/try')
    const card = on.getByRole('article', { name: head })
    for (const [label, value] of Object.entries(fields)) await card.getByLabel(label).fill(value)
    await card.getByRole('button', { name: button }).click()
  }
  const create = (orderId: string, on?: Page) =>
    tryIt('Create', { 'Order id': orderId, Items: '2' }, 'Create the order', on)
  const poison = (orderId: string) => tryIt('Poison one', { 'Order id': orderId }, 'Poison the order')
  const marks = (kind: string, count: number) =>
    until(`${count} times ${kind}`, async () => (await page.locator(`.lanes .${kind}`).count()) === count)
  const press = async (name: string, on = page.getByRole('main')) =>
    on.getByRole('button', { name, exact: true }).click()

  test('an order is created in the page, and seen to travel without loading the page again', async () => {
    await create('seen')
    assert.equal(new URL(page.url()).pathname, '/orders/seen')
    await page.evaluate(() => Object.assign(globalThis, { isStillHere: true }))
    await marks('applied', 5)
    assert.equal((await shop.update('seen', 'confirmed')).status, 200)
    await marks('applied', 10)
    await page
      .getByRole('status')
      .filter({ hasText: /fine|backordered/ })
      .waitFor()
    assert.ok(await page.evaluate(() => 'isStillHere' in globalThis), 'it was not loaded again')
  })

  test('one is poisoned, held with its reason, tried, discarded, and goes on', async () => {
    await create('poisoned')
    await marks('applied', 5)
    await poison('poisoned')
    await page.getByRole('status').filter({ hasText: 'undecodable' }).waitFor()
    assert.equal((await shop.update('poisoned', 'confirmed')).status, 200)
    await marks('held', 4)

    await page.goto('/')
    await page
      .locator('#needs li', { hasText: 'undecodable' })
      .getByRole('link', { name: 'order', exact: true })
      .click()
    await page.getByRole('link', { name: 'poisoned' }).click()
    await page.getByText('This is no event').waitFor()
    await press('Dry run')
    await page.getByRole('heading', { name: 'A redrive now would apply 0 and leave 2' }).waitFor()
    const reason = 'it was poisoned by a test'
    const [inPage, ...others] = consumers
    await page.goto(`/parked/${inPage}/poisoned`)
    const head = page.getByRole('article', { name: /head/ })
    await head.getByText('Discard', { exact: true }).first().click()
    await head.getByLabel('Reason').fill(reason)
    await press('Discard', head)
    await page.getByText('Done: 1 applied, 0 still parked.').waitFor()
    for (const service of others) {
      const parked = `${stack.url(service)}/ops/parked/poisoned`
      const [{ event }] = (await send(parked)).json<{ events: [{ event: string }] }>().events
      const { status, text } = await send(`${parked}/discard`, { method: 'POST', body: { event, reason } })
      assert.equal(status, 200, text)
    }
    await page.goto('/orders/poisoned')
    await marks('applied', 10)
    await page.goto('/audit')
    assert.equal(await page.getByText(reason).count(), consumers.length)
  })

  test('all orders of one cause are tried by a job, whose progress is seen', async () => {
    const orders = ['job-1', 'job-2', 'job-3']
    for (const orderId of orders) assert.equal((await shop.create(orderId)).status, 201)
    const garbage = orders.map((orderId) => ({ key: Buffer.from(orderId), value: Buffer.from('garbage') }))
    await produce(stack.address('kafka'), 'order-events', garbage)
    await page.goto('/parked')
    const group = page.getByRole('article', { name: /shipping: \d orders undecodable/ })
    await until('the group is there', async () => {
      await page.goto('/parked')
      return (await group.getByText('3 orders').count()) > 0
    })
    await press('shipping: Dry run of all', group)
    await page.getByText('dry run: nothing is changed').waitFor()
    await page.getByText('3 of 3 tried').waitFor()
    assert.equal(await page.locator('main progress').getAttribute('value'), '3')
  })

  test('with the keyboard alone: to the content, to a page, through a form, to the order', async () => {
    const to = async (name: string) => {
      for (let presses = 0; presses < 60; presses++) {
        const focused = page.locator(':focus')
        if ((await focused.count()) > 0 && (await focused.evaluate((of) => of.textContent || of.id)) === name) return
        await page.keyboard.press('Tab')
      }
      assert.fail(`the Tab key does not lead to ${name}`)
    }
    await page.goto('/')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    assert.equal(await page.locator(':focus').getAttribute('id'), 'main', 'over the navigation to the content')
    await page.goto('/')
    await to('Try it')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/try')
    await to('create-id')
    await page.keyboard.press('Control+A')
    await page.keyboard.type('typed')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/orders/typed')
    await page.goto('/')
    await to('find')
    await page.keyboard.type('seen')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/orders/seen')
  })

  test('without JavaScript the pages are there, and the forms do their work', async () => {
    const plain = await browser.newContext({ baseURL: stack.url('console'), javaScriptEnabled: false })
    const on = await plain.newPage()
    await create('plain', on)
    assert.equal(new URL(on.url()).pathname, '/orders/plain')
    await create('plain', on)
    await on.getByText('The order exists already').waitFor()
    await plain.close()
  })

  const lists = [
    '/',
    '/orders',
    '/orders?status=new',
    '/parked',
    '/parked/order?cause=undecodable',
    '/topics',
    '/audit',
  ]
  const keys = ['/orders/seen', '/orders/job-1', '/orders/nobody-knows', '/parked/shipping/job-1?dryRun=yes']
  const paths = [...lists, ...keys, '/jobs/shipping/1', '/try']

  // Of the two schemes each at one width: what is found depends on neither but for contrast.
  for (const [colorScheme, width, rules] of [
    ['light', 1280, {}],
    ['dark', 360, { runOnly: ['color-contrast', 'target-size'] }],
  ] as const)
    test(`on every page, ${colorScheme}, ${width} wide, axe finds nothing, and nothing is wider than the page`, async () => {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 800 })
      for (const path of paths) {
        await page.goto(path)
        const needed = await page.evaluate<number>('document.documentElement.scrollWidth')
        assert.ok(needed <= width, `${path} is ${needed} wide`)
        await page.evaluate(axe)
        const found = await page.evaluate<
          string[]
        >(`axe.run(${JSON.stringify({ resultTypes: ['violations'], ...rules })}).then(({ violations }) => violations.flatMap(
          ({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + ' ' + target + ': ' + failureSummary)))`)
        assert.deepEqual(found, [], path)
      }
    })

  test('no page weighs more than 100 kB with all that it loads, asks anything of elsewhere, or breaks its own policy', async () => {
    const get = async (path: string) => (await send(stack.url('console') + path)).text
    for (const path of paths) {
      const text = await get(path)
      const loaded = [...text.matchAll(/(?:src|href)="(\/static\/[^"]+)"/g)].map(([, asset = '']) => get(asset))
      const bytes = [text, ...(await Promise.all(loaded))].reduce((sum, { length }) => sum + length, 0)
      assert.ok(loaded.length >= 3 && bytes < 100_000, `${path} has ${bytes} bytes`)
    }
    assert.deepEqual(faults, [])
  })

  test('who is asked who they are, and may only read, sees everything and finds nothing to press', async () => {
    const keys = join(stack.data, 'reader.keys')
    writeFileSync(keys, `reader ${digestOf('ino_reader').toString('hex')} orders:read\n`)
    const secured = await asking(keys)
    const reading = await browser.newContext({ baseURL: secured.url })
    const on = await reading.newPage()
    await on.goto('/parked/order/job-1')
    await on.getByLabel('API key or token').fill('ino_reader')
    await on.getByRole('button', { name: 'Sign in' }).click()
    await on.getByRole('heading', { name: 'job-1 in the order service' }).waitFor()
    await on.getByText('does not have the scope operate').waitFor()
    assert.deepEqual(await on.getByRole('main').getByRole('button').allTextContents(), [])
    assert.equal(await on.getByRole('link', { name: 'Try it' }).count(), 0)
    // Whoever sends the form all the same is refused by the service.
    await on.evaluate(`document.querySelector('form[action="/do/redrive"]').submit()`)
    await on.getByText('The caller may not do this').waitFor()
    const inOtherTab = await reading.newPage()
    await inOtherTab.goto('/topics')
    await inOtherTab.getByText('live', { exact: true }).waitFor()
    await on.getByRole('button', { name: 'Sign out' }).click()
    await on.getByLabel('API key or token').waitFor()
    await inOtherTab.getByLabel('API key or token').waitFor()
    await reading.close()
    await secured.stop()
  })

  /** A console and an order service that ask, beside the others of the stack. */
  async function asking(keys: string) {
    process.env.TEST_KAFKA_BROKERS = stack.address('kafka')
    process.env.TEST_SCHEMA_REGISTRY_URL = stack.address('registry')
    const main = (name: string) => new URL(`../services/${name}/src/main.ts`, import.meta.url)
    const env = { API_KEYS_FILE: keys }
    const order = await startService(main('order'), { ...env, DATABASE_URL: stack.databaseUrl('order') })
    const others = ['cart', 'inventory', 'billing', 'shipping'].map((name) => [
      `${name.toUpperCase()}_URL`,
      stack.url(name),
    ])
    const shown = await startService(main('console'), { ...env, ...Object.fromEntries(others), ORDER_URL: order.url })
    await Promise.all([order.ready(), shown.ready()])
    return { url: shown.url, stop: () => Promise.all([order.stop(), shown.stop()]) }
  }

  test('a page of another origin cannot make the console change anything', async () => {
    const headers = { origin: 'http://elsewhere.example', 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await send(`${stack.url('console')}/do/create`, {
      method: 'POST',
      headers,
      body: 'key=forged&itemsNum=1',
    })
    assert.equal(answer.status, 403, answer.text)
    assert.equal((await shop.inCart('forged')).status, 404)
  })
})
