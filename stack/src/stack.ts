// The stack, from nothing to ready:
//   PostgreSQL -> databases ----------------------\
//   Java -> Kafka (jars verified) -> topics --------> services, each makes its own tables
//       \-> registry (files verified) -> schemas --/
import { assertFree, host, ports } from './addresses.ts'
import { makeDatabases } from './databases.ts'
import { kafkaJars, registryFiles } from './install.ts'
import { findJava } from './java.ts'
import { type Broker, kafka } from './kafka.ts'
import { step } from './output.ts'
import { databaseUrl, postgres } from './postgres.ts'
import { registry, registryUrl } from './registry.ts'
import { service } from './service.ts'
import type { Settings } from './settings.ts'
import type { Supervisor } from './supervisor.ts'
import { together } from './together.ts'
import { makeTopics, registerSchemas } from './topics.ts'

/** Resolves with what to tell the user: a name and an address each, the services first. */
export async function bringUp(settings: Settings, supervisor: Supervisor, giveUp: AbortController): Promise<string[]> {
  const stopping = giveUp.signal
  const { data, given, root, offset } = settings
  await assertFree(neededPorts(settings))

  const names = settings.services.map((s) => s.database)
  let java: Promise<string> | undefined
  const findJavaOnce = () => {
    java ??= step('Java', () => findJava(settings, process.env, stopping))
    return java
  }

  async function bringDatabases(): Promise<string> {
    const port = ports.postgres + offset
    const url = given.database ?? databaseUrl(port)
    if (!given.database) {
      await step('PostgreSQL', async () => supervisor.start(await postgres({ data, port, stopping })))
    }
    await step(`databases: ${names.join(', ') || 'none'}`, () => makeDatabases(url, names))
    return url
  }

  async function bringKafka(): Promise<string> {
    const broker: Broker = { id: 1, port: ports.kafka + offset, controllerPort: ports.controller + offset }
    const brokers = given.kafka ?? `${host}:${broker.port}`
    if (!given.kafka) {
      const java = await findJavaOnce()
      const jars = await kafkaJars(settings, java, stopping)
      const options = { broker, all: [broker], settings, jars, java, stopping }
      await step('Kafka', async () => supervisor.start(await kafka(options)))
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
  const surroundings = { database, kafka: brokers, registry: schemas }
  const parts = settings.services.map((one) => service({ service: one, offset, root, surroundings }))
  await together(
    giveUp,
    parts.map((part) => step(`${part.name} service`, () => supervisor.start(part))),
  )
  return [
    ...parts.map((part) => `${part.name} http://${part.address}`),
    `Kafka ${brokers}`,
    `registry ${schemas}`,
    `PostgreSQL ${new URL(database).host}`,
  ]
}

function neededPorts({ given, offset, services }: Settings): { port: number; for: string }[] {
  const needed = services.map(({ name, port }) => ({ port, for: name }))
  if (!given.database) needed.push({ port: ports.postgres, for: 'PostgreSQL' })
  if (!given.kafka)
    needed.push({ port: ports.kafka, for: 'Kafka' }, { port: ports.controller, for: 'Kafka controller' })
  if (!given.registry) {
    needed.push({ port: ports.registry, for: 'schema registry' })
    needed.push({ port: ports.registryManagement, for: 'schema registry management' })
  }
  return needed.map((one) => ({ ...one, port: one.port + offset }))
}
