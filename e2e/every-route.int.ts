// Every call of every service and sandbox, as their OpenAPI has it, asks who calls. A service answers this before it has a
// database or Kafka, so none is needed.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { digestOf } from '@inorder/http/api-keys.ts'
import { scopes } from '@inorder/http/scopes.ts'
import { freePort } from '@inorder/testing/ports.ts'
import { type ServiceProcess, startService } from '@inorder/testing/service-process.ts'
import { until } from '@inorder/testing/until.ts'
import { root } from './starter.ts'

const folder = mkdtempSync(join(tmpdir(), 'inorder-every-route-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'keys')
const keyOf = (scope: string) => `ino_${scope.replace(':', '-')}`
writeFileSync(file, scopes.map((scope) => `${scope} ${digestOf(keyOf(scope)).toString('hex')} ${scope}\n`).join(''))

const settings = {
  DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
  KAFKA_BROKERS: '127.0.0.1:1',
  SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1',
  PAYMENT_URL: 'http://127.0.0.1:1',
  CARRIER_URL: 'http://127.0.0.1:1',
  LOG_LEVEL: 'silent',
  API_KEYS_FILE: file,
}

/** What nobody needs to be known for: how the service is, and what it takes. */
const open = [
  '/health/live',
  '/health/ready',
  '/metrics',
  '/openapi.json',
  '/asyncapi',
  '/asyncapi.json',
  '/problems/{name}',
]

interface Document {
  paths: Record<string, Record<string, { security: Record<string, string[]>[] }>>
  components: { securitySchemes: object }
}

/** Again while the service is late: it has just been started, beside others. */
async function statusOf(url: string, method: string, headers: Record<string, string>): Promise<number> {
  const answer = await fetch(url, { method: method.toUpperCase(), headers })
  const isLate = (await answer.text()).includes('/problems/overloaded')
  return isLate ? statusOf(url, method, headers) : answer.status
}

suite('every route asks who calls', { concurrency: 2 }, () => {
  const names = readdirSync(join(root, 'services'))
  const ports = new Map<string, number>()
  let all: ServiceProcess
  before(async () => {
    await Promise.all(names.map(async (name) => ports.set(name, await freePort())))
    const main = new URL('./services-in-one.fixture.ts', import.meta.url)
    all = await startService(main, { ...settings, PORTS: JSON.stringify(Object.fromEntries(ports)) })
  })
  after(() => all.kill())

  for (const name of names)
    test(name, async () => {
      const url = `http://127.0.0.1:${ports.get(name)}`
      const document = (await until(`${name} answers`, async () =>
        (await fetch(`${url}/openapi.json`)).json(),
      )) as Document
      assert.deepEqual(Object.keys(document.components.securitySchemes), ['bearer'])
      let guarded = 0
      for (const [path, calls] of Object.entries(document.paths))
        for (const [method, { security }] of Object.entries(calls)) {
          const what = `${method} ${path}`
          const status = (headers = {}) => statusOf(url + path.replaceAll(/{\w+}/g, '1'), method, headers)
          if (open.includes(path)) {
            assert.deepEqual(security, [], what)
            assert.notEqual(await status(), 401, what)
            continue
          }
          guarded++
          assert.equal(await status(), 401, what)
          const [needed = ''] = security[0]?.bearer ?? []
          assert.ok(security.length === 1 && scopes.some((scope) => scope === needed), what)
          for (const scope of scopes) {
            const answer = await status({ authorization: `Bearer ${keyOf(scope)}` })
            if (scope === needed) assert.ok(![401, 403].includes(answer), `${what} with ${scope}: ${answer}`)
            else assert.equal(answer, 403, `${what} with ${scope}`)
          }
        }
      // The console's pages are not in it.
      assert.ok(guarded > (name === 'console' ? 0 : 2), `${guarded} calls`)
    })
})
