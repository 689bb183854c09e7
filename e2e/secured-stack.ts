// All services where everything asks who comes: three brokers with TLS, SCRAM and ACLs, a registry with TLS and a password,
// PostgreSQL with TLS and a password for each role, and an issuer whose tokens callers show; and the console before them.
import { audience, issuer, newKey, seconds, signed, startIssuer } from '@inorder/http/issuer.fixture.ts'
import { startSecuredKafka } from '@inorder/messaging/kafka/secured-kafka.fixture.ts'
import { startSecuredRegistry } from '@inorder/messaging/kafka/secured-registry.fixture.ts'
import { clientOf } from '@inorder/storage/connection.ts'
import type { Certificates } from '@inorder/testing/certificates.ts'
import { speakTls } from '@inorder/testing/postgres-tls.ts'
import type { ServiceProcess } from '@inorder/testing/service-process.ts'
import { startStack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { commonSettings, loginOf, makeDatabase, runSql, script, startSecured } from './secured-services.ts'

export const names = ['cart', 'order', 'inventory', 'billing', 'shipping'] as const
export type Name = (typeof names)[number]

/** Of pg_hba.conf. */
const rules = `
host      all postgres all trust
hostssl   all all      all scram-sha-256
hostnossl all all      all reject`

export type SecuredStack = Awaited<ReturnType<typeof startSecuredStack>>

/** Logins to Kafka hold for 10 s. What was started by then is stopped where it fails. */
export async function startSecuredStack() {
  const ends: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const end of ends.reverse()) await end()
  }
  try {
    return { ...(await start(ends)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function start(ends: (() => Promise<unknown>)[]) {
  const key = await newKey('key-1')
  const tokens = await startIssuer(key)
  ends.push(() => tokens.close())
  const [kafka, registry] = await Promise.all([
    startSecuredKafka({ brokers: 3, reauthenticateMs: 10_000 }),
    startSecuredRegistry(),
  ])
  const asks = { AUTH_JWKS_URL: tokens.url, AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience }
  const common = { ...commonSettings(kafka, registry), ...asks }
  const setup = { ...common, ...loginOf('setup') }
  await script('stack/src/prepare.ts', [], setup)
  // The starter gets at Kafka and the registry with the same settings.
  const stack = await startStack({ env: { ...setup, INORDER_SERVICES: 'payment,carrier' } })
  ends.push(() => stack.stop())
  await demandTls(`postgres://postgres@${stack.address('postgres')}/postgres`, kafka.certificates)
  process.env.TEST_KAFKA_BROKERS = kafka.secured
  process.env.TEST_SCHEMA_REGISTRY_URL = registry.url

  /** Of a caller with these scopes; `by` is the key that signs it. */
  const tokenOf = (scope: string, claims = {}, by = key) =>
    signed(by, { sub: 'shop', scope, exp: seconds(3_600), ...claims })
  const [payment, carrier] = [await tokenOf('orders:write'), await tokenOf('orders:write')]
  const outside = {
    ...{ PAYMENT_URL: stack.url('payment'), PAYMENT_TOKEN: payment },
    ...{ CARRIER_URL: stack.url('carrier'), CARRIER_TOKEN: carrier },
  }
  /** What each service is told. */
  const settings = new Map<Name, Record<string, string>>()
  for (const name of names) {
    const database = await makeDatabase(name, kafka.certificates.ca)
    await database.migrate()
    settings.set(name, { ...common, ...outside, ...loginOf(name), DATABASE_URL: database.url })
  }
  const services = new Map<Name, ServiceProcess>()
  for (const name of names) {
    const service = await startSecured(name, settings.get(name)!)
    ends.push(() => service.stop())
    services.set(name, service)
    await service.ready()
  }
  const addresses = [...services].map(([name, { url }]) => [`${name.toUpperCase()}_URL`, url])
  // It gets no secret: it asks as the user does.
  const console = await startSecured('console', { ...asks, ...Object.fromEntries(addresses) })
  ends.push(() => console.stop())
  await console.ready()
  return {
    console,
    kafka,
    registry,
    settingsOf: (name: Name) => settings.get(name)!,
    serviceOf: (name: Name) => services.get(name)!,
    tokenOf,
    /** What an order service lacks that is told something else besides, once it says this; it is ended. */
    async saidWith(wrong: Record<string, string>, told: RegExp): Promise<string> {
      const service = await startSecured('order', { ...settings.get('order')!, ...wrong })
      try {
        return await until(`it says ${told}`, async () => {
          const { missing } = (await (await service.get('/health/ready')).json()) as { missing?: string[] }
          return missing?.find((part) => told.test(part))
        })
      } finally {
        await service.stop()
      }
    },
  }
}

/** Of every role but `postgres`, by which the test itself looks. */
async function demandTls(server: string, certificates: Certificates): Promise<void> {
  process.env.TEST_DATABASE_URL = server
  const client = clientOf(server, {})
  await client.connect()
  await speakTls(client, certificates, rules)
  await client.end()
  await until('PostgreSQL speaks TLS', () => runSql(`${server}?sslmode=require`, 'SELECT 1'))
}
