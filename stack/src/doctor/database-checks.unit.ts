import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { MigrationChanged } from '@inorder/storage/migrate.ts'
import { contentChecks } from './content-checks.ts'
import { type DatabaseView, databaseReached, serverChecks } from './database-checks.ts'
import type { DatabaseFacts } from './database-facts.ts'
import { findingsOf } from './finding.ts'

const databaseChecks = [...serverChecks, ...contentChecks]
const settings = {
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  max_connections: '100',
  superuser_reserved_connections: '3',
}
const set = (changes: Record<string, string> = {}, source = 'configuration file') =>
  new Map(Object.entries({ ...settings, ...changes }).map(([name, value]) => [name, { value, source }]))
const limits = (ms: string) =>
  new Map([
    ['statement_timeout', ms],
    ['idle_in_transaction_session_timeout', ms],
  ])

const healthy: DatabaseFacts = {
  database: 'inorder_cart',
  role: 'cart',
  url: 'postgres://cart@db:5432/inorder_cart',
  server: 'postgres://cart@10.0.0.5:5432/inorder_cart',
  version: '18.4',
  versionNumber: 180_004,
  encoding: 'UTF8',
  isStandby: false,
  settings: set(),
  connectionLimits: { database: -1, role: -1 },
  clock: { offsetMs: -4_000, errorMs: 3 },
  mayCreate: false,
  lacks: [],
  lacksForUpkeep: [],
  migrations: [],
  pooling: 'sessions',
  limits: limits('2500'),
  lanes: [{ topic: 'order-events', partitions: 6, relay: 'runs' }],
  topicIds: ['id'],
}
const kafka = { id: 'id', partitions: Array(6).fill({}), configs: new Map(), mayDo: new Set<string>() }
const view = (changes: Partial<DatabaseFacts> = {}, others: Partial<DatabaseView> = {}): DatabaseView => ({
  service: 'cart',
  facts: { ...healthy, ...changes },
  topics: new Map([['order-events', kafka]]),
  topic: 'order-events',
  migratesItself: false,
  sessions: { own: 17, all: 85 },
  ...others,
})
const wrongOf = (one: DatabaseView) =>
  findingsOf('cart', databaseChecks, one).filter(({ verdict }) => verdict === 'wrong')

const owner = "psql 'postgres://OWNER@db:5432/inorder_cart' -c"
const faults: [id: string, view: DatabaseView, mend: string | RegExp][] = [
  ['database-version', view({ versionNumber: 130_010 }), /pg_upgrade/],
  ['database-primary', view({ isStandby: true }), /primary/],
  [
    'database-durable',
    view({ settings: set({ fsync: 'off' }) }),
    `${owner} 'ALTER SYSTEM SET fsync = '\\''on'\\''' -c 'SELECT pg_reload_conf()'`,
  ],
  [
    'database-durable',
    view({ settings: set({ synchronous_commit: 'off' }, 'user') }),
    `${owner} 'ALTER ROLE cart RESET synchronous_commit'`,
  ],
  [
    'database-isolation',
    view({ settings: set({ default_transaction_isolation: 'serializable' }, 'database') }),
    `${owner} 'ALTER DATABASE inorder_cart RESET default_transaction_isolation'`,
  ],
  ['database-encoding', view({ encoding: 'LATIN1' }), /UTF8/],
  [
    'database-migrations',
    view({ migrations: ['cart 2 to 3'] }),
    "DATABASE_URL='postgres://OWNER@db:5432/inorder_cart' npm run migrate -- cart",
  ],
  [
    'database-migrations',
    view({ migrations: new MigrationChanged('another release made this database') }),
    /another-release/,
  ],
  [
    'database-rights',
    view({ lacks: ['INSERT on outbox'] }),
    /GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO cart/,
  ],
  ['database-rights', view({ migrations: ['cart 2 to 3'] }, { migratesItself: true }), /MIGRATE=off/],
  ['database-upkeep', view({ lacksForUpkeep: ['MAINTAIN on outbox'] }), /upkeep\.sql/],
  [
    'database-pooling',
    view({ pooling: 'transactions' }),
    /^DATABASE_URL='postgres:\/\/cart@10\.0\.0\.5:5432\/inorder_cart'; .*pool_mode=session/,
  ],
  [
    'database-session-limits',
    view({ limits: limits('0') }),
    "DATABASE_URL='postgres://cart@10.0.0.5:5432/inorder_cart'",
  ],
  [
    'database-session-limits',
    view({ limits: new Error('unsupported startup parameter: statement_timeout') }),
    /10\.0\.0\.5/,
  ],
  ['database-connections', view({}, { sessions: { own: 17, all: 170 } }), /max_connections = '?173/],
  [
    'database-connections',
    view({ connectionLimits: { database: -1, role: 10 } }),
    `${owner} 'ALTER ROLE cart CONNECTION LIMIT 17'`,
  ],
  ['database-clock', view({ clock: { offsetMs: 5_100, errorMs: 50 } }), /ntp/],
  ['database-lanes', view({ lanes: [{ topic: 'order-events', partitions: 3, relay: 'runs' }] }), /raise-partitions/],
  [
    'database-lanes',
    view({ lanes: [{ topic: 'order-events', partitions: 6, relay: 'paused' }] }),
    'npm run raise-partitions -- 6',
  ],
  ['database-topic-id', view({ topicIds: ['another'] }), /KAFKA_BROKERS/],
]

suite('a database', () => {
  test('that is as services need it is right; so is one whose tables the service makes itself', () => {
    assert.deepEqual(
      findingsOf('cart', databaseChecks, view()).filter(({ verdict }) => verdict !== 'right'),
      [],
    )
    assert.deepEqual(wrongOf(view({ migrations: ['cart 1 to 3'], mayCreate: true }, { migratesItself: true })), [])
  })

  test('each fault is named alone, with what mends it', () => {
    for (const [id, faulty, mend] of faults) {
      const found = wrongOf(faulty)
      assert.deepEqual(
        found.map((one) => one.id),
        [id],
      )
      if (typeof mend === 'string') assert.equal(found[0]?.mend, mend)
      else assert.match(found[0]?.mend ?? '', mend)
    }
    assert.deepEqual(new Set(faults.map(([id]) => id)), new Set(databaseChecks.map(({ id }) => id)))
  })

  test('what was not told is unknown; a refused password is wrong, and says which setting', () => {
    const silent = new Error('no answer')
    const untold = findingsOf(
      'cart',
      databaseChecks,
      view({ migrations: silent, pooling: silent, limits: silent }, { topics: new Map([['order-events', silent]]) }),
    )
    assert.deepEqual(
      untold.filter(({ verdict }) => verdict === 'unknown').map(({ id }) => id),
      ['database-pooling', 'database-session-limits', 'database-migrations', 'database-lanes', 'database-topic-id'],
    )
    const refused = new AggregateError([new Error('connect ECONNREFUSED 127.0.0.1:1')])
    const opinion = databaseReached.judge([refused])
    assert.deepEqual([opinion.verdict, opinion.found], ['wrong', 'connect ECONNREFUSED 127.0.0.1:1'])
  })
})
