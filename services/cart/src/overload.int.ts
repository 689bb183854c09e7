// More writes than the database stores, over HTTP: what cannot have its turn in time is refused before it is read.
import assert from 'node:assert/strict'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { DatabaseRun } from '@inorder/messaging/outbox/database-run.ts'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import { cartApp, logger } from './cart-app.fixture.ts'
import { HandRelay } from './hand-relay.fixture.ts'
import { migrations } from './migrations.ts'
import { create } from './writes.fixture.ts'
import { Writes } from './writes.ts'

/** A group of new orders takes so many seconds, and then until the gate is open. */
const slow = `
  CREATE TABLE gate (seconds real, open boolean);
  INSERT INTO gate VALUES (1.1, true);
  CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_sleep(seconds) FROM gate;
      WHILE NOT (SELECT open FROM gate) LOOP PERFORM pg_sleep(0.02); END LOOP;
      RETURN NULL;
    END $$;
  CREATE TRIGGER slow BEFORE INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION slow();`

test('more writes wait than their groups store in time: the next is refused unread; who waits is served, and so are reads', async (t) => {
  const database = await freshDatabase('cart')
  await migrate(database.url, migrations)
  const pool = openPool({ url: database.url, name: 'cart', max: 10 })
  const writes = new Writes({ pool, run: new DatabaseRun(), relay: new HandRelay(pool), logger })
  const app = await cartApp(writes, pool)
  const base = await app.listen({ host: '127.0.0.1', port: 0 })
  t.after(async () => {
    await app.close()
    await pool.end()
    await database.drop()
  })
  const stored = async () => (await writes.write(create(unique('o')), { waitMs: 0 })).result.kind
  await pool.query(slow)
  const known = create(unique('o'))
  await writes.write(known, { waitMs: 0 })

  await pool.query('UPDATE gate SET seconds = 0, open = false')
  const accepted: Promise<string>[] = []
  for (let n = 1; n <= 2; n++) {
    accepted.push(stored())
    await until('a group is under way', async () => (await inTrigger()) === n)
  }
  // One more than the next group has room for.
  accepted.push(...Array.from({ length: 501 }, stored))
  assert.ok(writes.isBehind)

  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  t.after(() => socket.destroy())
  let received = ''
  socket.on('data', (bytes) => {
    received += bytes
  })
  socket.write('PUT /update-order HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{"orderId"')
  await until('a write is refused before its body is there', () => received.includes('}'))
  assert.match(received, /^HTTP\/1\.1 503 /)
  assert.match(received, /^retry-after: 1\r$/im)
  assert.match(received, /"type":"\/problems\/overloaded"/)
  assert.equal((await fetch(`${base}/orders/${known.command.order.orderId}`)).status, 200)
  for (const path of ['/health/live', '/health/ready']) assert.equal((await fetch(base + path)).status, 200)
  const metrics = await (await fetch(`${base}/metrics`)).text()
  assert.match(metrics, /^inorder_http_overloaded_total\{cause="queue"\} 1$/m)

  await pool.query('UPDATE gate SET open = true')
  assert.deepEqual(new Set(await Promise.all(accepted)), new Set(['created']))
  assert.equal(await stored(), 'created', 'it takes writes again')

  async function inTrigger(): Promise<number> {
    const { rows } = await pool.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid() AND wait_event = 'PgSleep'`,
    )
    return rows[0]!.n
  }
})
