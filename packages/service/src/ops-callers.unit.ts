// With authentication on: who may operate, and what is remembered of them.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { digestOf } from '@inorder/http/api-keys.ts'
import { mayOperate, operatorOf } from '@inorder/http/operator.ts'
import type { Ops } from '@inorder/messaging/inbox/inbox.ts'
import { opsRoutes } from './ops.ts'
import { opsApp } from './ops-app.fixture.ts'

const folder = mkdtempSync(join(tmpdir(), 'inorder-ops-'))
const asked: unknown[] = []
let app: Awaited<ReturnType<typeof opsApp>>
before(async () => {
  const file = join(folder, 'keys')
  const lines = [
    ['shop', 'orders:read,orders:write'],
    ['desk', 'operate'],
    ['chief', 'orders:read,operate'],
  ].map(([name, scopes]) => `${name} ${digestOf(`ino_${name}`).toString('hex')} ${scopes}`)
  writeFileSync(file, lines.join('\n'))
  app = await opsApp({ API_KEYS_FILE: file })
  const redrive: Ops['redrive'] = async (key, how) => {
    asked.push(how)
    return { key, applied: 1, remaining: 0 }
  }
  await app.register(opsRoutes({ redrive } as Ops))
  app.get('/who', async (request) => ({ operator: operatorOf(request), mayOperate: mayOperate(request) }))
})
after(async () => {
  await app.close()
  rmSync(folder, { recursive: true })
})

const headers = (name: string) => ({ authorization: `Bearer ino_${name}`, 'x-operator': 'somebody else' })

test('the audit names the caller, whatever x-operator says', async () => {
  const redrive = (name: string) =>
    app.inject({ method: 'POST', url: '/ops/parked/o-1/redrive', headers: headers(name) })
  assert.equal((await redrive('shop')).statusCode, 403)
  assert.deepEqual(asked, [])
  assert.equal((await redrive('desk')).statusCode, 200)
  assert.deepEqual(asked, [{ operator: 'desk', dryRun: false }])
})

test('who reads may operate only with that scope too', async () => {
  const who = async (name: string) => (await app.inject({ url: '/who', headers: headers(name) })).json()
  assert.deepEqual(await who('shop'), { operator: 'shop', mayOperate: false })
  assert.deepEqual(await who('chief'), { operator: 'chief', mayOperate: true })
})
