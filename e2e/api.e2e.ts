// What the services say of their calls, held against what they do.
// API_CASES=10000 API_SEED=7 npm test -- e2e/api.e2e.ts makes more requests, or others.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, suite, test } from 'node:test'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { asyncApiProblems } from './asyncapi.ts'
import { traced } from './collector.ts'
import { typeErrors } from './generated-client.ts'
import { send } from './http.ts'
import { exampleRequests, type OpenApi, openApiOf, operationsOf, takenBy } from './openapi.ts'
import { pythonVersion, schemathesis } from './schemathesis.ts'
import { sharedStack } from './shared-stack.ts'
import { Shop } from './shop.ts'

/** Requests to each service. In a longer run the limits of every field are tried one by one besides. */
const cases = Number(process.env.API_CASES ?? 500)
const isLong = process.env.API_CASES !== undefined
const seed = Number(process.env.API_SEED ?? 1)
const services = ['cart', 'order', 'inventory', 'billing', 'shipping']
const sandboxes = ['payment', 'carrier']
const python = pythonVersion()
if (!python) console.log('LEFT OUT: schemathesis. There is no python3 of 3.11 or later with pip')

suite('the APIs as their OpenAPI has them', () => {
  let stack: Stack
  const documents = new Map<string, OpenApi>()
  before(async () => {
    // services.e2e.ts, which shares it, looks for them.
    stack = await sharedStack({ env: await traced() })
    for (const name of [...services, 'console', ...sandboxes]) documents.set(name, await openApiOf(stack, name))
  })

  test('every operation has an id of its own, and every JSON it takes or answers has a name', () => {
    for (const [service, document] of documents) {
      const ids = new Set<string>()
      for (const { path, method, operation } of operationsOf(document)) {
        const { operationId = '', requestBody, responses } = operation
        const where = `${service}: ${method} ${path}`
        assert.match(operationId, /^[a-z]+([A-Z][a-z]*)*$/, where)
        assert.ok(!ids.has(operationId), `${where}: another is ${operationId} too`)
        ids.add(operationId)
        for (const { content = {} } of [...(requestBody ? [requestBody] : []), ...Object.values(responses)])
          for (const [type, { schema }] of Object.entries(content))
            if (type.includes('json'))
              assert.match(String(schema.$ref), /^#\/components\/schemas\/\w+$/, `${where}: a title gives it its name`)
      }
    }
  })

  test('every number that is taken has a largest one: beyond it JSON has no exact numbers', () => {
    for (const [service, document] of documents)
      for (const { path, method, operation } of operationsOf(document))
        for (const schema of takenBy(operation, document))
          if (schema.type === 'integer' || schema.type === 'number')
            assert.equal(typeof schema.maximum, 'number', `${service}: ${method} ${path}: ${JSON.stringify(schema)}`)
  })

  test('redocly finds nothing to say about them', async () => {
    const config = await createConfig({ extends: ['recommended'] })
    for (const [service, document] of documents) {
      const problems = await lintFromString({ source: JSON.stringify(document), config })
      const found = problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer}`)
      assert.deepEqual(found, [], service)
    }
  })

  // asyncapi.unit.ts has another validator look at it in each run.
  if (isLong)
    test('AsyncAPI’s own parser finds nothing to say about the events, and something about others', async () => {
      const document = (await send(`${stack.url('cart')}/asyncapi.json`)).text
      // That there is a 3.1 is no fault of ours: more tools read 3.0.
      const found = async (text: string) =>
        (await asyncApiProblems(text)).filter((problem) => !problem.startsWith('asyncapi-latest-version'))
      assert.deepEqual(await found(document), [])
      assert.notDeepEqual(await found(document.replace('"send"', '"shout"')), [])
    })

  test('every example can be sent as it is', async () => {
    for (const [service, document] of documents) {
      // What is asked for is there once it was written.
      const writesFirst = operationsOf(document).sort((a, b) => Number(a.method === 'GET') - Number(b.method === 'GET'))
      for (const { path, method, operation } of writesFirst) {
        for (const [examplePath, request] of exampleRequests(path, method, operation)) {
          const { status, text } = await send(stack.url(service) + examplePath, request)
          const said = `${service}: ${method} ${examplePath}: ${status} ${text}`
          assert.ok(String(status) in operation.responses, said)
          // Nothing is parked, set aside or held, which most of the operator's calls are about.
          const good = operation.tags?.includes('ops') ? [200, 202, 404, 409] : [200, 201, 202]
          assert.ok(good.includes(status), said)
        }
      }
      if (service === 'cart') await isEverywhere('o-1')
    }
  })
  async function isEverywhere(orderId: string): Promise<void> {
    const there = await new Shop(stack).details(orderId, { minVersion: 2, wait: 10 })
    assert.equal(there.status, 200, there.text)
    const others = { inventory: 'reservations', billing: 'invoices', shipping: 'shipments' }
    for (const [service, path] of Object.entries(others)) {
      const url = `${stack.url(service)}/${path}/${orderId}`
      await until(`${orderId} is in ${service}`, async () => (await send(url)).status === 200)
    }
  }

  test('a client generated from them takes what fits, and refuses what does not', async () => {
    assert.deepEqual(await typeErrors(documents), ['wrong.ts TS2322'])
  })

  if (!python) return

  // In one process: its start takes as long as 300 requests. A longer run tells of each service once it is through with it.
  for (const names of isLong ? services.map((name) => [name]) : [services]) {
    test(`schemathesis finds nothing in ${cases} requests to each of ${names.join(', ')}, seed ${seed}`, {
      timeout: 3_600_000,
    }, async () => {
      const asked = new Set<string>()
      const each = names.map((name) => {
        // Calls that several services have are made by the same code.
        const chosen = operationsOf(documents.get(name)!).filter((o) => !asked.has(o.operation.operationId!))
        for (const { operation } of chosen) asked.add(operation.operationId!)
        // One that takes nothing is asked once.
        const varied = chosen.filter(({ operation }) => operation.parameters?.length || operation.requestBody)
        return {
          url: stack.url(name),
          operations: chosen.map(({ operation }) => operation.operationId!),
          requests: Math.ceil(cases / varied.length),
        }
      })
      const phases = isLong ? 'examples,coverage,fuzzing,stateful' : 'fuzzing'
      const { passed, report } = await schemathesis({ python, services: each, seed, phases })
      assert.ok(passed, report)
      for (const [, made] of report.matchAll(/^ *(\d+) generated/gm)) assert.ok(Number(made) >= cases, report)
    })
  }

  test('nothing of it was unforeseen, everything accepted has reached every service, and nothing is parked', async () => {
    const logs = join(stack.data, 'logs')
    for (const file of readdirSync(logs))
      assert.doesNotMatch(readFileSync(join(logs, file), 'utf8'), /was answered 503 for an error that/, file)
    for (const service of services.filter((name) => name !== 'cart')) {
      const url = stack.url(service)
      await resumeAll(url)
      await until(`${service} has read everything`, async () => {
        const { items } = (await send(`${url}/ops/positions`)).json<{ items: { lag: number }[] }>()
        return items.length > 0 && items.every(({ lag }) => lag === 0)
      })
      assert.deepEqual((await send(`${url}/ops/parked`)).json(), { items: [], next: null }, service)
    }
  })
})

/** What the requests have paused. */
async function resumeAll(url: string): Promise<void> {
  const { items } = (await send(`${url}/ops/pauses?limit=1000`)).json<{ items: Record<string, unknown>[] }>()
  for (const { what, kind, key } of items) {
    const body = { what, ...(kind != null && { kind }), ...(key != null && { key }) }
    assert.equal((await send(`${url}/ops/resume`, { method: 'POST', body })).status, 200)
  }
}
