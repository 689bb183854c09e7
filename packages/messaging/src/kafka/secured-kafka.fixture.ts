// A Kafka of a test's own that wants TLS and a login: PLAIN, SCRAM-SHA-512 and OAUTHBEARER on one listener, certificates of
// clients on another, and the ACLs of deploy/kafka. What is not for the services goes by a third, which asks nobody.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { kafkaJars } from '@inorder/stack/install.ts'
import { findJava } from '@inorder/stack/java.ts'
import { readSettings } from '@inorder/stack/settings.ts'
import { run } from '@inorder/stack/tool.ts'
import { type Certificates, makeCertificates } from '@inorder/testing/certificates.ts'
import { freePort } from '@inorder/testing/ports.ts'
import { endWithUs } from '@inorder/testing/service-process.ts'
import { until } from '@inorder/testing/until.ts'
import { AclOperations, AclPermissionTypes, Admin, ResourcePatternTypes, ResourceTypes } from '@platformatic/kafka'

/** Of each user of the ACLs. */
export const passwordOf = (user: string): string => `${user}-secret`

/** For tests of the clients: on it their users have the same rights as on `order-events`, and no service reads it. */
export const clientsTopic = 'clients'

const users = ['cart', 'order', 'inventory', 'billing', 'shipping', 'setup', 'nobody']
const never = new AbortController().signal

export interface SecuredKafka {
  /** Of the listener that wants TLS and a login. */
  secured: string
  /** Of the listener that wants a certificate. */
  mutual: string
  certificates: Certificates
  folder: string
}

let shared: Promise<SecuredKafka> | undefined

/** One for all suites of the process, which ends it. A login holds for 2 s. */
export function securedKafka(): Promise<SecuredKafka> {
  shared ??= startSecuredKafka({ brokers: 1, reauthenticateMs: 2_000 })
  return shared
}

interface Broker {
  id: number
  secured: number
  mutual: number
  open: number
  controller: number
}

export async function startSecuredKafka(options: { brokers: 1 | 3; reauthenticateMs: number }): Promise<SecuredKafka> {
  const settings = readSettings(process.env)
  const java = await findJava(settings, process.env, never)
  const jars = await kafkaJars(settings, java, never)
  const folder = mkdtempSync(join(tmpdir(), 'secured-kafka-'))
  const certificates = makeCertificates(folder)
  const all: Broker[] = []
  for (let id = 1; id <= options.brokers; id++) {
    const [secured, mutual, open, controller] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
    all.push({ id, secured, mutual, open, controller })
  }
  const classPath = jars.files.map(({ path }) => join(jars.folder, path)).join(delimiter)
  const base = ['-Xmx384m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', classPath]
  const scram = users.flatMap((name) => ['--add-scram', `SCRAM-SHA-512=[name=${name},password=${passwordOf(name)}]`])
  const format = ['kafka.tools.StorageTool', 'format', '-t', 'MkU3OEVBNTcwNTJENDM2Qg', '-c', 'server.properties']
  const logging = `-Dlog4j2.configurationFile=${join(settings.root, 'stack/install/log4j2.xml')}`
  const file = join(java, 'bin/java')
  await Promise.all(
    all.map(async (broker) => {
      const cwd = join(folder, String(broker.id))
      mkdirSync(join(cwd, 'log'), { recursive: true })
      const properties = Object.entries(propertiesOf(broker, all, certificates, options.reauthenticateMs))
      writeFileSync(join(cwd, 'server.properties'), properties.map(([name, value]) => `${name}=${value}\n`).join(''))
      await run({ file, args: [...base, ...format, ...scram], cwd }, never)
      const args = [...base, logging, 'kafka.Kafka', 'server.properties']
      const child = spawn(file, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
      endWithUs(child)
    }),
  )
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const open = all.map((broker) => `127.0.0.1:${broker.open}`)
  const granted = () => grantAcls(open, settings.root).then(() => true)
  // Three of them start on two processors.
  await until('the secured Kafka takes ACLs', granted, 240_000)
  return {
    secured: all.map((broker) => `localhost:${broker.secured}`).join(','),
    mutual: `localhost:${all[0]!.mutual}`,
    certificates,
    folder,
  }
}

function propertiesOf(broker: Broker, all: Broker[], certificates: Certificates, reauthenticateMs: number) {
  const { id, secured, mutual, open, controller } = broker
  const inSync = Math.max(all.length - 1, 1)
  const jaas = (module: string, options = '') => `org.apache.kafka.common.security.${module} required${options};`
  const passwords = users.map((user) => ` user_${user}="${passwordOf(user)}"`).join('')
  const tls = (listener: string) => ({
    [`listener.name.${listener}.ssl.keystore.type`]: 'PEM',
    [`listener.name.${listener}.ssl.keystore.location`]: certificates.server.both,
    [`listener.name.${listener}.ssl.truststore.type`]: 'PEM',
    [`listener.name.${listener}.ssl.truststore.location`]: certificates.ca,
  })
  return {
    'process.roles': 'broker,controller',
    'node.id': id,
    'controller.quorum.voters': all.map((one) => `${one.id}@127.0.0.1:${one.controller}`).join(','),
    listeners: `SECURED://127.0.0.1:${secured},MUTUAL://127.0.0.1:${mutual},OPEN://127.0.0.1:${open},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `SECURED://localhost:${secured},MUTUAL://localhost:${mutual},OPEN://127.0.0.1:${open}`,
    'listener.security.protocol.map': 'SECURED:SASL_SSL,MUTUAL:SSL,OPEN:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'OPEN',
    'listener.name.secured.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-512,OAUTHBEARER',
    'listener.name.secured.plain.sasl.jaas.config': jaas('plain.PlainLoginModule', passwords),
    'listener.name.secured.scram-sha-512.sasl.jaas.config': jaas('scram.ScramLoginModule'),
    // Without a validator of its own Kafka takes tokens that nobody has signed: good for a test.
    'listener.name.secured.oauthbearer.sasl.jaas.config': jaas(
      'oauthbearer.OAuthBearerLoginModule',
      ' unsecuredLoginStringClaim_sub="broker"',
    ),
    'listener.name.secured.connections.max.reauth.ms': reauthenticateMs,
    ...tls('secured'),
    ...tls('mutual'),
    'listener.name.mutual.ssl.client.auth': 'required',
    'listener.name.mutual.ssl.principal.mapping.rules': 'RULE:^CN=(.*)$/$1/',
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
    'log.dirs': 'log',
    'default.replication.factor': all.length,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': all.length,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': all.length,
    'transaction.state.log.min.isr': inSync,
    'group.initial.rebalance.delay.ms': 0,
    'auto.create.topics.enable': false,
  }
}

/** Those of deploy/kafka, and the same for the topic of the clients' tests. */
async function grantAcls(brokers: string[], root: string): Promise<void> {
  const file = readFileSync(join(root, 'deploy/kafka/acls.txt'), 'utf8').trim()
  const lines = new Set([file, file.replaceAll('order-events', clientsTopic)].flatMap((text) => text.split('\n')))
  const constant = (text: string) => text.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()
  const admin = new Admin({ clientId: 'acls', bootstrapBrokers: brokers, retries: 0 })
  try {
    await admin.createAcls({
      creations: [...lines].map((line) => {
        const [user, operation = '', kind = '', resourceName = ''] = line.split(/\s+/)
        return {
          resourceType: ResourceTypes[constant(kind) as keyof typeof ResourceTypes],
          resourceName,
          resourcePatternType: ResourcePatternTypes.LITERAL,
          principal: `User:${user}`,
          host: '*',
          operation: AclOperations[constant(operation) as keyof typeof AclOperations],
          permissionType: AclPermissionTypes.ALLOW,
        }
      }),
    })
  } finally {
    await admin.close()
  }
}
