import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { exampleEvent } from '@inorder/contracts/example-event.ts'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { asyncApi } from './asyncapi.ts'
import { asyncApiRoutes } from './asyncapi-routes.ts'
import { opsApp } from './ops-app.fixture.ts'

suite('the events as AsyncAPI', () => {
  const document = asyncApi(orderEvents, exampleEvent)
  const validate = async (source: string) => {
    const config = await createConfig({ rules: { struct: 'error', 'no-unresolved-refs': 'error' } })
    const problems = await lintFromString({ source, config })
    const found = problems.map(({ message, location }) => `${location[0]?.pointer}: ${message}`)
    // The linter takes every payload for JSON Schema; the event's is Avro.
    return found.filter((problem) => !problem.startsWith('#/components/messages/event/payload/schema'))
  }

  test('are valid, with the schema that is registered and the headers that are sent', async () => {
    assert.deepEqual(await validate(JSON.stringify(document)), [])
    const { payload, headers } = document.components.messages.event
    const file = new URL('../../contracts/src/order-event.v1.avsc', import.meta.url)
    assert.deepEqual(payload.schema, JSON.parse(readFileSync(file, 'utf8')))
    assert.deepEqual(headers.required, [...Object.keys(orderEvents.headers(exampleEvent)), 'traceparent'])
    assert.deepEqual(
      Object.values(document.channels).map(({ address }) => address),
      [orderEvents.name, orderEvents.parkedName],
    )
  })

  test('would not be valid with another shape, or with a reference to nothing', async () => {
    const text = JSON.stringify(document)
    for (const wrong of [text.replace('"send"', '"shout"'), text.replace('#/channels/events"', '#/channels/none"')])
      assert.notDeepEqual(await validate(wrong), [])
  })

  test('are served, and shown on a page in which nothing runs', async () => {
    const app = await opsApp()
    await app.register(asyncApiRoutes(document))
    assert.deepEqual((await app.inject('/asyncapi.json')).json(), document)
    const page = await app.inject('/asyncapi')
    assert.match(String(page.headers['content-type']), /^text\/html/)
    assert.equal(page.headers['content-security-policy'], "default-src 'none'; style-src 'unsafe-inline'")
    for (const shown of [
      'order-events.parked',
      'ce_specversion',
      'inorder-source',
      'order.items.price',
      'decimal(19,4)',
    ])
      assert.ok(page.body.includes(`<td>${shown}`) || page.body.includes(`>${shown}<`), shown)
    assert.doesNotMatch(page.body, /<script|undefined|\[object/)
    await app.close()
  })
})
