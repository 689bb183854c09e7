// The stack, from nothing to ready:
//   PostgreSQL -> databases ----------------------\
//   Java -> Kafka (jars verified) -> topics --------> services, each makes its own tables
//       \-> registry (files verified) -> schemas --/     \-> stock of generated items
import { assertFree, host, ports } from './addresses.ts'
import { makeDatabases } from './databases.ts'
import { kafkaJars, registryFiles } from './install.ts'
import { findJava } from './java.ts'
import { assertSameBrokers, type Broker, brokersOf, clusterIdOf, kafka } from './kafka.ts'
import { say, step } from './output.ts'
import { postgres, socketUrl } from './postgres.ts'
import { registry, registryUrl } from './registry.ts'
import { sandboxKey } from './sandbox-key.ts'
import { instancesOf, service, urlOf } from './service.ts'
import type { Settings } from './settings.ts'
import { seededLine, seedStock } from './stock.ts'
import type { Supervisor } from './supervisor.ts'
import { together } from './together.ts'
import { makeTopics, registerSchemas } from './topics.ts'

/** Resolves with what to tell the user: a name and an address each, the services first. */
export async function bringUp(settings: Settings, supervisor: Supervisor, giveUp: AbortController): Promise<string[]> {
  const stopping = giveUp.signal
  const { data, given, offset } = settings
  if (!given.kafka) assertSameBrokers(settings)
  await assertFree(neededPorts(settings))

  const names = settings.services.flatMap(({ database = [] }) => database)
  let java: Promise<string> | undefined
  const findJavaOnce = () => {
    java ??= step('Java', () => findJava(settings, process.env, stopping))
    return java
  }

  async function bringDatabases(): Promise<string> {
    const port = ports.postgres + offset
    const url = given.database ?? socketUrl({ data, port })
    if (!given.database) {
      await step('PostgreSQL', async () => supervisor.start(await postgres({ data, port, stopping })))
    }
    await step(`databases: ${names.join(', ') || 'none'}`, () => makeDatabases(url, names))
    return url
  }

  async function bringKafka(): Promise<string> {
    const all = brokersOf(settings)
    const brokers = given.kafka ?? all.map(({ port }) => `${host}:${port}`).join(',')
    if (!given.kafka) {
      const java = await findJavaOnce()
      const jars = await kafkaJars(settings, java, stopping)
      const options = { all, clusterId: clusterIdOf(settings), settings, jars, java, stopping }
      const start = async (broker: Broker) => supervisor.start(await kafka({ ...options, broker }))
      await step(all.length === 1 ? 'Kafka' : `Kafka, ${all.length} brokers`, () => together(giveUp, all.map(start)))
    }
    await step('topics', () => makeTopics(brokers, stopping))
    return brokers
  }

  async function bringRegistry(): Promise<string> {
    const port = ports.registry + offset
    const url = given.registry ?? registryUrl(port)
    if (!given.registry) {
      const java = await findJavaOnce()
      const files = await registryFiles(settings, java, stopping)
      const part = registry({ data, port, managementPort: ports.registryManagement + offset, files, java })
      await step('schema registry', () => supervisor.start(part))
    }
    await step('schemas', () => registerSchemas(url))
    return url
  }

  const [database, brokers, schemas] = await together(giveUp, [bringDatabases(), bringKafka(), bringRegistry()])
  const surroundings = { database, kafka: brokers, registry: schemas, sandboxKey: sandboxKey(data, process.env) }
  const instances = instancesOf(settings)
  const parts = instances.map((instance) => service({ instance, settings, surroundings }))
  await together(
    giveUp,
    parts.map((part) => step(`${part.name} service`, () => supervisor.start(part))),
  )
  if (settings.seedStock && names.includes('inorder_inventory')) {
    const seeded = await seedStock(database)
    if (seeded > 0) say(seededLine(seeded))
  }
  return [
    ...instances.map((instance) => `${instance.name} ${urlOf(instance)}`),
    `Kafka ${brokers}`,
    `registry ${schemas}`,
    `PostgreSQL ${new URL(database).host}`,
  ]
}

/** Those that are asked over HTTP. */
export function webPorts(settings: Settings): { port: number; for: string }[] {
  const { given, offset } = settings
  const needed = instancesOf(settings).map(({ name, port }) => ({ port, for: name }))
  if (!given.registry) {
    needed.push({ port: ports.registry + offset, for: 'schema registry' })
    needed.push({ port: ports.registryManagement + offset, for: 'schema registry management' })
  }
  return needed
}

function neededPorts(settings: Settings): { port: number; for: string }[] {
  const { given, offset } = settings
  const needed = webPorts(settings)
  if (!given.database) needed.push({ port: ports.postgres + offset, for: 'PostgreSQL' })
  for (const { name, port, controllerPort } of given.kafka ? [] : brokersOf(settings)) {
    needed.push({ port, for: name }, { port: controllerPort, for: `${name} controller` })
  }
  return needed
}
