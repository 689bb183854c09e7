// The clients against a Kafka that wants TLS and a login, and what they say where it does not let them in.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { until } from '@inorder/testing/until.ts'
import type { KafkaAccess } from './access.ts'
import { kafkaAccess } from './access-settings.ts'
import { KafkaAdmin } from './admin.ts'
import type { Cluster } from './client.ts'
import { TopicConsumer } from './consumer.ts'
import { KafkaDenied, KafkaForbidden, KafkaUnavailable } from './errors.ts'
import { readLog } from './log-reader.ts'
import { SerialProducer } from './producer.ts'
import { passwordOf, type SecuredKafka, securedKafka, clientsTopic as topic } from './secured-kafka.fixture.ts'

/** Everything is cold, and the services of e2e/secured.int start beside. */
const deadline = 30_000
const record = (n: number, partition = 0) => ({
  topic,
  partition,
  key: null,
  value: Buffer.from(String(n)),
  headers: new Map<Buffer, Buffer>(),
})

suite('a Kafka that wants TLS and a login', { concurrency: true }, () => {
  let kafka: SecuredKafka
  const opened: { close(): unknown }[] = []
  const open = <T extends { close(): unknown }>(client: T): T => {
    opened.push(client)
    return client
  }

  before(async () => {
    kafka = await securedKafka()
    const admin = new KafkaAdmin(clusterOf(login('setup')))
    const make = [topic, `${topic}.parked`].map((name) => ({ name, partitions: 2, replicas: 1, configs: {} }))
    await admin.createTopics(make, deadline)
    await until('Kafka shows the topic', () => admin.ends(topic, deadline))
    await admin.close()
  })
  after(async () => {
    await Promise.allSettled(opened.map((client) => client.close()))
  })

  const tls = () => ({ KAFKA_TLS: 'on', KAFKA_TLS_CA_FILE: kafka.certificates.ca })
  const login = (user: string, mechanism = 'PLAIN', password = passwordOf(user)) => ({
    ...tls(),
    KAFKA_SASL_MECHANISM: mechanism,
    KAFKA_SASL_USERNAME: user,
    KAFKA_SASL_PASSWORD: password,
  })
  const clusterOf = (env: NodeJS.ProcessEnv, brokers = [kafka.secured]): Cluster => ({
    brokers,
    access: kafkaAccess(env),
    clientId: 'secured-test',
  })
  const ask = (env: NodeJS.ProcessEnv, brokers?: string[]) =>
    open(new KafkaAdmin(clusterOf(env, brokers))).probe(topic, deadline)
  /** What is refused says so in one line, without the secret. */
  const says = (kind: new (message: string) => Error, pattern: RegExp) => (error: Error) => {
    assert.ok(error instanceof kind, error.stack)
    assert.match(error.message, pattern)
    assert.doesNotMatch(error.message, /-secret|\n/)
    return true
  }

  test('with PLAIN, SCRAM, or a certificate it is written to and read, with the rights of deploy/kafka alone', async () => {
    const file = join(kafka.folder, 'password')
    writeFileSync(file, `${passwordOf('cart')}\n`)
    const { KAFKA_SASL_PASSWORD, ...rest } = login('cart')
    const cart = clusterOf({ ...rest, KAFKA_SASL_PASSWORD_FILE: file })
    const admin = open(new KafkaAdmin(cart))
    const { id, ready, ends } = await admin.probe(topic, deadline)
    assert.equal(ready, true)
    await open(new SerialProducer(cart, 0)).send([record(1)], deadline)
    const spans = new Map([[0, { from: ends[0]!, to: ends[0]! + 1n }]])
    const read: string[] = []
    await readLog(cart, { topic, topicId: id, spans }, async (records) => {
      read.push(...records.map(({ value }) => String(value)))
    })
    assert.deepEqual(read, ['1'])

    const inventory = clusterOf(login('inventory', 'SCRAM-SHA-512'))
    const consumer = open(new TopicConsumer({ ...inventory, group: 'inventory', topic, onTrouble: () => {} }))
    const stream = await consumer.open()
    const { records, spans: taken } = await until('the record comes', () => {
      const taken = stream.take(10)
      return taken.spans.has(0) && taken
    })
    assert.equal(String(records.find(({ partition }) => partition === 0)?.value), '1')
    await consumer.commit(new Map([...taken].map(([partition, { next }]) => [partition, next])))

    const { cert, key } = kafka.certificates.client
    const certificate = { ...tls(), KAFKA_TLS_CERT_FILE: cert, KAFKA_TLS_KEY_FILE: key }
    assert.equal((await ask(certificate, [kafka.mutual])).ready, true)
  })

  test('the name of the broker is in the handshake', async () => {
    const { cert, key } = kafka.certificates.server
    const named = Promise.withResolvers<string>()
    const server = createTlsServer({
      cert: readFileSync(cert),
      key: readFileSync(key),
      SNICallback: (name, callback) => {
        named.resolve(name)
        callback(null)
      },
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const asked = ask(tls(), [`localhost:${port}`]).catch(() => undefined)
    assert.equal(await named.promise, 'localhost')
    server.close()
    await asked
  })

  test('what is wrong is one line that names the setting', async () => {
    for (const mechanism of ['PLAIN', 'SCRAM-SHA-512'])
      await assert.rejects(
        ask(login('cart', mechanism, 'wrong-secret')),
        says(KafkaDenied, /refuses the login.*KAFKA_SASL_PASSWORD/),
      )
    await assert.rejects(ask(login('cart', 'SCRAM-SHA-256')), says(KafkaDenied, /KAFKA_SASL_MECHANISM/))
    const elsewhere = { ...login('cart'), KAFKA_TLS_CA_FILE: kafka.certificates.otherCa }
    await assert.rejects(ask(elsewhere), says(KafkaDenied, /not trusted.*KAFKA_TLS_CA_FILE/))
    const byAddress = kafka.secured.replace('localhost', '127.0.0.1')
    await assert.rejects(ask(login('cart'), [byAddress]), says(KafkaDenied, /other names.*KAFKA_BROKERS/))
    await assert.rejects(ask(tls(), [kafka.mutual]), says(KafkaDenied, /KAFKA_TLS_CERT_FILE/))
    const { KAFKA_TLS, KAFKA_TLS_CA_FILE, ...inPlainText } = login('cart')
    await assert.rejects(ask(inPlainText), says(KafkaUnavailable, /during the login.*KAFKA_TLS=on/))
    await assert.rejects(ask({}), says(KafkaUnavailable, /./))
    await assert.rejects(ask({ ...login('nobody') }), says(KafkaForbidden, /ACL.*KAFKA_SASL_USERNAME.*deploy\/kafka/))
    await assert.rejects(
      open(new SerialProducer(clusterOf(login('order')), 0)).send([record(2)], deadline),
      says(KafkaForbidden, /ACL/),
    )
    const consumer = { ...clusterOf(login('order')), group: 'another', topic, onTrouble: () => {} }
    await assert.rejects(open(new TopicConsumer(consumer)).open(), says(KafkaForbidden, /group another.*ACL/))
  })

  test('what is denied is told once, is not tried again at once, and is over when it is mended', async () => {
    const file = join(kafka.folder, 'mended')
    writeFileSync(file, 'wrong-secret')
    const { KAFKA_SASL_PASSWORD, ...rest } = login('cart')
    const cluster = clusterOf({ ...rest, KAFKA_SASL_PASSWORD_FILE: file })
    const access = cluster.access as KafkaAccess
    const told: string[] = []
    access.onDenied = (cause) => told.push(cause)
    const admin = open(new KafkaAdmin(cluster))
    await assert.rejects(admin.probe(topic, deadline), KafkaDenied)
    const begun = performance.now()
    for (let n = 0; n < 20; n++) await assert.rejects(admin.probe(topic, deadline), KafkaDenied)
    assert.ok(performance.now() - begun < 8_000)
    assert.equal(told.length, 1)
    assert.match(access.missing, /^kafka \(.*KAFKA_SASL_PASSWORD.*\)$/)
    writeFileSync(file, passwordOf('cart'))
    await until('the mended password is used', () => admin.probe(topic, deadline).then(({ ready }) => ready))
    assert.equal(access.missing, 'kafka')
  })

  test('tokens: one request for all connections, a new one before it ends; a refusal names its settings', async () => {
    let asked = 0
    let seconds = 60
    let secret = 'token-secret'
    const server = createServer(async (request, response) => {
      asked++
      const given = Buffer.from(request.headers.authorization?.replace('Basic ', '') ?? '', 'base64').toString()
      if (given !== `cart:${secret}`) return response.writeHead(401).end('{"error":"invalid_client"}')
      const now = Math.floor(Date.now() / 1000)
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
      const token = `${part({ alg: 'none' })}.${part({ sub: 'cart', iat: now, exp: now + seconds })}.`
      response.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: seconds }))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const env = {
      ...tls(),
      KAFKA_SASL_MECHANISM: 'OAUTHBEARER',
      KAFKA_OAUTH_TOKEN_URL: `http://127.0.0.1:${port}/token`,
      KAFKA_OAUTH_CLIENT_ID: 'cart',
      KAFKA_OAUTH_CLIENT_SECRET: 'token-secret',
    }
    const cluster = clusterOf(env)
    const clients = Array.from({ length: 5 }, () => open(new KafkaAdmin(cluster)))
    await Promise.all(clients.map((admin) => admin.probe(topic, deadline)))
    assert.equal(asked, 1)
    seconds = 4
    const shortLived = open(new KafkaAdmin(clusterOf(env)))
    await until('another token is asked for', async () => {
      await shortLived.probe(topic, deadline)
      return asked > 2
    })
    secret = 'another'
    await assert.rejects(ask(env), says(KafkaDenied, /401 invalid_client.*KAFKA_OAUTH_CLIENT_SECRET/))
    server.closeAllConnections()
    server.close()
    await assert.rejects(ask(env), (error: Error) => {
      assert.ok(error instanceof KafkaUnavailable && !(error instanceof KafkaDenied))
      assert.match(error.message, /KAFKA_OAUTH_TOKEN_URL does not answer/)
      return true
    })
  })

  test('logins that hold for 2 s: three of them under load, and nothing is lost, reordered or reported', async () => {
    const cart = clusterOf(login('cart', 'SCRAM-SHA-512'))
    const admin = open(new KafkaAdmin(cart))
    const { id, ends } = await admin.probe(topic, deadline)
    const shipping = clusterOf(login('shipping', 'SCRAM-SHA-512'))
    const trouble: unknown[] = []
    const consumer = open(
      new TopicConsumer({ ...shipping, group: 'shipping', topic, onTrouble: (error) => trouble.push(error) }),
    )
    const stream = await consumer.open()
    const producer = open(new SerialProducer(cart, 0))
    const end = performance.now() + 6_000
    let sent = 0
    for (; performance.now() < end; sent++) {
      const sending = producer.send([record(sent, 1)], deadline)
      await Promise.all([sending, admin.probe(topic, deadline), admin.ends(topic, deadline)])
      stream.done(stream.take(1_000))
      await consumer.commit(new Map([[1, ends[1]! + BigInt(sent)]]))
    }
    stream.assertUsable()
    assert.deepEqual(trouble, [])
    const read: string[] = []
    const spans = new Map([[1, { from: ends[1]!, to: ends[1]! + BigInt(sent) }]])
    await readLog(cart, { topic, topicId: id, spans }, async (records) => {
      read.push(...records.map(({ value }) => String(value)))
    })
    assert.deepEqual(
      read,
      Array.from({ length: sent }, (_, n) => String(n)),
    )
  })
})
