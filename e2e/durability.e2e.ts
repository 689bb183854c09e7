// Nothing is faster by less durability: what the sessions that answer for an order have set when they commit, and the servers.
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { Admin, ConfigResourceTypes } from '@platformatic/kafka'
import { send } from './http.ts'
import { sharedStack } from './shared-stack.ts'
import { Shop } from './shop.ts'
import { sql } from './sql.ts'

/** Of each service what it changes for an order; it may change more. */
const changes: Record<string, string[]> = {
  cart: ['INSERT orders', 'UPDATE orders', 'INSERT outbox', 'INSERT idempotency', 'DELETE outbox'],
  order: ['INSERT orders', 'UPDATE orders', 'INSERT inbox_key', 'UPDATE inbox_position', 'INSERT topic_keys'],
  inventory: ['INSERT demand', 'INSERT reservation', 'UPDATE stock'],
  billing: ['INSERT invoices', 'INSERT effect', 'DELETE effect', 'INSERT postings'],
  shipping: ['INSERT shipments', 'INSERT effect', 'UPDATE shipments'],
}
/** Undone by a crash, it only repeats events. */
const mayBeLost = 'DELETE outbox'

/** A deferred trigger runs at the COMMIT, in the session that commits. */
const watch = `
CREATE TABLE committed (change text, with_setting text, UNIQUE (change, with_setting));
CREATE FUNCTION note_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO committed VALUES (TG_OP || ' ' || TG_TABLE_NAME, current_setting('synchronous_commit')) ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
DO $$ DECLARE t regclass; BEGIN
  FOR t IN SELECT relid FROM pg_stat_user_tables WHERE relname NOT LIKE 'migrations%' AND relname <> 'committed' LOOP
    EXECUTE format('CREATE CONSTRAINT TRIGGER note_commit AFTER INSERT OR UPDATE OR DELETE ON %s
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_commit()', t);
  END LOOP;
END $$`

suite('durability', () => {
  let stack: Stack
  before(async () => {
    stack = await sharedStack({})
    for (const service of Object.keys(changes)) await sql(stack.databaseUrl(service), watch)
  })
  after(async () => {
    for (const service of Object.keys(changes))
      await sql(stack.databaseUrl(service), 'DROP FUNCTION note_commit CASCADE; DROP TABLE committed')
  })

  test('all that is done for an order is committed with synchronous_commit on, but for deletions from the outbox', async () => {
    const shop = new Shop(stack)
    const stock = await send(`${stack.url('inventory')}/stock/durable-pen`, { method: 'PUT', body: { onHand: 10 } })
    assert.equal(stock.status, 200, stock.text)
    const items = [{ itemId: 'durable-pen', quantity: 1, price: 2 }]
    const order = { orderId: 'durable', customerId: 'c', items }
    assert.equal((await shop.create('durable', { 'idempotency-key': 'durable' }, order)).status, 201)
    for (const status of ['confirmed', 'shipped']) assert.equal((await shop.update('durable', status)).status, 200)
    for (const [service, expected] of Object.entries(changes)) {
      const rows = await until(`${service} has done its part`, async () => {
        const rows = await sql<{ change: string; with_setting: string }>(
          stack.databaseUrl(service),
          'SELECT change, with_setting FROM committed ORDER BY 1',
        )
        const missing = expected.filter((change) => !rows.some((row) => row.change === change))
        if (missing.length > 0) throw new Error(`nothing is seen of ${missing}`)
        return rows
      })
      const wrong = rows.filter((row) => row.with_setting !== 'on' && row.change !== mayBeLost)
      assert.deepEqual(wrong, [], service)
    }
  })

  test('the starter’s PostgreSQL writes through to the disk, and survives a torn page', async () => {
    const names = ['fsync', 'full_page_writes', 'synchronous_commit']
    const settings = await sql<{ name: string; setting: string }>(
      stack.databaseUrl('cart'),
      'SELECT name, setting FROM pg_settings WHERE name = ANY ($1) ORDER BY name',
      [names],
    )
    assert.deepEqual(
      settings,
      names.map((name) => ({ name, setting: 'on' })),
    )
  })

  test('the topics lose nothing to a replica that lags', async () => {
    const admin = new Admin({ clientId: 'e2e', bootstrapBrokers: stack.address('kafka').split(',') })
    try {
      const wanted = { 'min.insync.replicas': '1', 'unclean.leader.election.enable': 'false' }
      const resources = ['order-events', 'order-events.parked'].map((resourceName) => ({
        resourceType: ConfigResourceTypes.TOPIC,
        resourceName,
        configurationKeys: Object.keys(wanted),
      }))
      // Of one broker; of three it is 2 (brokers.e2e.ts).
      for (const { resourceName, configs } of await admin.describeConfigs({ resources }))
        assert.deepEqual(Object.fromEntries(configs.map(({ name, value }) => [name, value])), wanted, resourceName)
    } finally {
      await admin.close()
    }
  })
})
