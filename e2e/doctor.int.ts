// The doctor before a Kafka, a registry and databases in which something is wrong on purpose.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { kafkaAccess } from '@inorder/messaging/kafka/access-settings.ts'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import { newTopics } from '@inorder/messaging/kafka/create-topic.ts'
import { securedKafka } from '@inorder/messaging/kafka/secured-kafka.fixture.ts'
import { type Right, readRights } from '@inorder/stack/doctor/cluster-checks.ts'
import { diagnose, type Patient, type PatientService } from '@inorder/stack/doctor/diagnose.ts'
import type { Finding, Verdict } from '@inorder/stack/doctor/finding.ts'
import { asText } from '@inorder/stack/doctor/report.ts'
import { migrationsOf } from '@inorder/stack/migrations.ts'
import { brokers, freshDatabase, registryUrl, unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import { Admin } from '@platformatic/kafka'
import { hasPgBouncer, startPgBouncer } from './pgbouncer.ts'
import { loginOf, makeDatabase, runSql } from './secured-services.ts'

const deadline = 10_000
const rightsOf = (...services: string[]): Right[] =>
  readRights(readFileSync(new URL('../deploy/kafka/acls.txt', import.meta.url), 'utf8')).filter(({ service }) =>
    services.includes(service),
  )

suite('doctor', () => {
  const admin = new KafkaAdmin({ brokers: brokers().split(','), clientId: 'doctor-test' })
  const made: string[] = []
  let database: Awaited<ReturnType<typeof freshDatabase>>
  before(async () => {
    database = await freshDatabase('doctor')
  })
  after(async () => {
    const client = new Admin({ clientId: 'doctor-test', bootstrapBrokers: brokers().split(',') })
    await client.deleteTopics({ topics: made })
    await client.close()
    await admin.close()
    await database.drop()
  })

  const cart = (changes: Partial<PatientService> = {}): PatientService => ({
    ...{ name: 'cart', url: database.url, migrations: migrationsOf('cart'), migratesItself: true, instances: 1 },
    ...changes,
  })
  const patient = (changes: Partial<Patient>): Patient => ({
    brokers: brokers().split(','),
    access: () => kafkaAccess({}),
    principal: 'User:ANONYMOUS',
    registry: { url: registryUrl(), access: () => ({}) },
    topic: orderEvents,
    topics: newTopics(orderEvents),
    rights: [],
    services: [],
    parts: [],
    processes: [],
    data: '/',
    ...changes,
  })
  const idsOf = (findings: readonly Finding[], verdict: Verdict) =>
    findings.filter((one) => one.verdict === verdict).map(({ about, id }) => `${about} ${id}`)
  const mendOf = (findings: readonly Finding[], id: string) => findings.find((one) => one.id === id)?.mend ?? ''

  test('a Kafka, a registry and a database as services need them: all is right', async () => {
    let found: Finding[] = []
    // On a busy machine an answer may be late, which is unknown instead of right.
    await until('nothing is unknown', async () => {
      found = await diagnose(patient({ services: [cart()], rights: rightsOf('cart', 'order') }))
      return idsOf(found, 'unknown').length === 0
    })
    assert.deepEqual(idsOf(found, 'wrong'), [], asText(found))
  })

  const faults = {
    'topic-cleanup': { 'cleanup.policy': 'compact' },
    'topic-retention': { 'retention.ms': '604800000' },
    'topic-message-size': { 'max.message.bytes': '100000' },
  }
  for (const [id, configs] of Object.entries(faults))
    test(`a topic with ${Object.entries(configs)}: ${id}, with the command that mends it`, async () => {
      const name = unique('doctor')
      made.push(name)
      const [wanted] = newTopics({ ...orderEvents, name })
      await admin.createTopics([{ ...wanted!, configs: { ...wanted!.configs, ...configs } }], deadline)
      await until('Kafka shows the topic', () => admin.ends(name, deadline))
      const found = await diagnose(patient({ topic: { ...orderEvents, name }, topics: [wanted!] }))
      assert.deepEqual(idsOf(found, 'wrong'), [`${name} ${id}`])
      assert.match(
        mendOf(found, id),
        new RegExp(`^kafka-configs\\.sh --bootstrap-server ${brokers()} --alter --topic ${name} `),
      )
    })

  test('an ACL that is missing is named, with the command that gives it; what may not be read is not called right', async () => {
    const kafka = await securedKafka()
    const tls = { KAFKA_TLS: 'on', KAFKA_TLS_CA_FILE: kafka.certificates.ca }
    const settings = { ...tls, KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512', ...loginOf('order') }
    const secured = patient({
      brokers: kafka.secured.split(','),
      access: () => kafkaAccess(settings),
      principal: 'User:order',
    })
    const look = (rights: Right[]) => diagnose({ ...secured, rights })
    const right = await look(rightsOf('order'))
    assert.deepEqual(
      idsOf(right, 'wrong').filter((one) => !one.startsWith('order-events')),
      [],
      asText(right),
    )
    assert.ok(idsOf(right, 'unknown').includes('order-events topic-retention'))
    const lacking = await look(rightsOf('billing'))
    assert.deepEqual(
      idsOf(lacking, 'wrong').filter((one) => !one.startsWith('order-events')),
      ['billing kafka-rights'],
    )
    assert.equal(
      mendOf(lacking, 'kafka-rights'),
      `kafka-acls.sh --bootstrap-server ${kafka.secured} --command-config admin.properties --add --allow-principal 'User:order' --operation Read --group billing`,
    )
    const refused = await diagnose({
      ...secured,
      access: () => kafkaAccess({ ...settings, KAFKA_SASL_PASSWORD: 'wrong-secret' }),
    })
    assert.ok(idsOf(refused, 'wrong').includes('Kafka kafka-reached'))
    assert.doesNotMatch(asText(refused), /-secret/)
  })

  if (hasPgBouncer()) {
    for (const turn of ['0', '1'])
      test(`a PgBouncer that pools transactions (server_round_robin=${turn}) is named, with the way around it`, async () => {
        const proxy = await startPgBouncer(database.url, { pool_mode: 'transaction', server_round_robin: turn })
        const found = await diagnose(patient({ services: [cart({ url: proxy.url })] }))
        assert.deepEqual(idsOf(found, 'wrong'), ['cart database-pooling', 'cart database-session-limits'])
        assert.ok(mendOf(found, 'database-pooling').startsWith(`DATABASE_URL='${database.url}'`))
        await proxy.stop()
      })

    test('one that pools sessions and leaves out their limits is named too', async () => {
      const ignored = { ignore_startup_parameters: 'statement_timeout,idle_in_transaction_session_timeout' }
      const proxy = await startPgBouncer(database.url, { pool_mode: 'session', ...ignored })
      const found = await diagnose(patient({ services: [cart({ url: proxy.url })] }))
      assert.deepEqual(idsOf(found, 'wrong'), ['cart database-session-limits'])
      await proxy.stop()
    })
  } else console.log('PgBouncer is not installed (apt-get install pgbouncer): its tests are left out')

  test('a role that owns nothing: migrations and rights that are missing are named, and looking made no table', async () => {
    const own = await makeDatabase('cart')
    const look = () => diagnose(patient({ services: [cart({ url: own.url, migratesItself: false })] }))
    const found = await look()
    assert.deepEqual(idsOf(found, 'wrong'), ['cart database-migrations'])
    assert.match(
      found.find(({ id }) => id === 'database-migrations')?.found ?? '',
      /lacks cart 1 to \d+, outbox 1 to \d+/,
    )
    const tables = `SELECT count(*)::int AS tables FROM pg_class WHERE relnamespace = 'public'::regnamespace`
    assert.deepEqual(await runSql(own.url, tables), [{ tables: 0 }])
    await own.migrate()
    const complete = await look()
    assert.deepEqual([idsOf(complete, 'wrong'), idsOf(complete, 'unknown')], [[], []], asText(complete))
    const superuser = new URL(own.url)
    const role = superuser.username
    superuser.username = 'postgres'
    await runSql(superuser.href, `REVOKE INSERT ON outbox FROM ${role}; REVOKE MAINTAIN ON outbox FROM ${role}`)
    const less = await look()
    assert.deepEqual(idsOf(less, 'wrong'), ['cart database-rights', 'cart database-upkeep'])
    assert.match(asText(less), /lacks INSERT on outbox .*GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES/s)
    await own.drop()
  })

  test('where nobody answers, each part says so, and the rest could not be checked: within its deadlines', async () => {
    const begun = performance.now()
    const nowhere = '127.0.0.1:1'
    const found = await diagnose(
      patient({
        brokers: [nowhere],
        registry: { url: `http://${nowhere}`, access: () => ({}) },
        services: [cart({ url: `postgres://postgres:a-secret@${nowhere}/x` })],
        rights: rightsOf('cart'),
      }),
    )
    assert.ok(performance.now() - begun < 30_000)
    assert.deepEqual(idsOf(found, 'wrong'), [
      'Kafka kafka-reached',
      'registry registry-reached',
      'cart database-reached',
    ])
    assert.deepEqual(idsOf(found, 'right'), ['PostgreSQL disk-free'])
    assert.doesNotMatch(asText(found), /-secret/)
  })
})
