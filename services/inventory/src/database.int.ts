// The service as a process whose database has its moods.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import { type ServiceProcess, startService } from '@inorder/testing/service-process.ts'
import { type TcpProxy, tcpProxy } from '@inorder/testing/tcp-proxy.ts'
import { until } from '@inorder/testing/until.ts'
import pg from 'pg'

let database: Awaited<ReturnType<typeof freshDatabase>>
let proxy: TcpProxy
let service: ServiceProcess
before(async () => {
  database = await freshDatabase('inventory')
  const url = new URL(database.url)
  proxy = await tcpProxy(url.hostname, Number(url.port))
  url.port = String(proxy.port)
  service = await startService(new URL('main.ts', import.meta.url), { DATABASE_URL: url.href, LOG_LEVEL: 'silent' })
  await until('its tables are there', async () => (await put(unique('item'), 1)).status === 200)
})
after(async () => {
  await service.kill()
  await proxy.close()
  await database.drop()
})

const put = (itemId: string, onHand: number) =>
  fetch(`${service.url}/stock/${itemId}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ onHand }),
  })
const onHand = async (itemId: string) => (await (await service.get(`/stock/${itemId}`)).json()) as { onHand: number }

test('rule 4: the answer to the commit of PUT /stock is lost: it is answered as what it was', async () => {
  const itemId = unique('item')
  let begun = false
  proxy.fate = (piece) => {
    if (piece.includes('BEGIN')) begun = true
    const stores = piece.includes('COMMIT') || (piece.includes('INSERT INTO stock') && !begun)
    if (!stores) return 'through'
    proxy.fate = () => 'through'
    return 'answer lost'
  }
  const answer = await put(itemId, 7)
  assert.equal(answer.status, 200)
  assert.equal((await onHand(itemId)).onHand, 7)
})

test('read only for a while: not ready and 503, then all is well without a restart', async () => {
  const name = new URL(database.url).pathname.slice(1)
  const direct = new pg.Client(database.url)
  await direct.connect()
  const onDatabase = async (setting: string) => {
    await direct.query(`ALTER DATABASE ${name} ${setting}`)
    await direct.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    )
  }
  await onDatabase('SET default_transaction_read_only = on')
  const ready = async () => (await (await service.get('/health/ready')).json()) as { missing: string[] }
  await until('it says that the database cannot be written', async () => (await ready()).missing.includes('database'))
  for (let n = 0; n < 10; n++) assert.ok((await ready()).missing.includes('database'))
  const refused = await Promise.all(Array.from({ length: 12 }, () => put(unique('item'), 1)))
  for (const answer of refused) {
    assert.equal(answer.status, 503)
    assert.equal(((await answer.json()) as { type: string }).type, '/problems/database-away')
  }
  // The sessions that were opened meanwhile are left alone.
  await direct.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`)
  await direct.end()
  await until('the database is not missing', async () => !(await ready()).missing.includes('database'))
  const stored = await Promise.all(Array.from({ length: 12 }, () => put(unique('item'), 1)))
  assert.deepEqual(new Set(stored.map(({ status }) => status)), new Set([200]))
})

test('the database is killed: the first answer says so, and each after it', async () => {
  await proxy.close()
  for (let n = 0; n < 5; n++) {
    const answer = await service.get('/stock/any')
    assert.equal(answer.status, 503)
    assert.equal(((await answer.json()) as { type: string }).type, '/problems/database-away')
  }
})
