// Kafka as one broker or a cluster of three (KRaft). Each broker is a controller as well: with three of them one may be
// lost, and a controller set of its own would be three more processes.
import { randomBytes } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join, relative } from 'node:path'
import { host, ports } from './addresses.ts'
import { bareEnvironment, javaLocale } from './environment.ts'
import { StartFailure } from './failure.ts'
import type { Installed } from './install.ts'
import { isListening } from './network.ts'
import { level, logOf, type Part } from './part.ts'
import type { Settings } from './settings.ts'
import { run } from './tool.ts'

export interface Broker {
  name: string
  /** 1, 2, 3: its KRaft node id. */
  id: number
  port: number
  controllerPort: number
}

export const brokersOf = ({ brokers, offset }: Settings): Broker[] =>
  Array.from({ length: brokers }, (_, n) => ({
    name: brokers === 1 ? 'kafka' : `kafka-${n + 1}`,
    id: n + 1,
    port: ports.kafka + offset + n,
    controllerPort: ports.controller + offset + n,
  }))

/**
 * Throws when the data is that of another number of brokers: one of them would begin with empty topics, beside databases
 * that know the others.
 */
export function assertSameBrokers({ data, brokers }: Settings): void {
  const others = formatted(data).filter((name) => (name === 'kafka') !== (brokers === 1)).length
  if (others === 0) return
  const before = brokers === 1 ? 3 : 1
  throw new StartFailure(
    `the data in ${data} was written with --brokers ${before}: start with that, or name another folder with INORDER_DATA`,
  )
}

/** The id of the cluster, new if none of its brokers has been formatted; the last start may have ended between two. */
export function clusterIdOf({ data }: Settings): string {
  const [first] = formatted(data)
  const known = first && /^cluster\.id=(.+)$/m.exec(readFileSync(join(data, first, 'log/meta.properties'), 'utf8'))?.[1]
  return known ?? newClusterId()
}

/** Names of the brokers that have a storage. */
const formatted = (data: string): string[] =>
  globSync('kafka*/log/meta.properties', { cwd: data }).map((path) => dirname(dirname(path)))

/** A broker's part; formats its storage first if that has not been done. `all` are the brokers of the cluster. */
export async function kafka(options: {
  broker: Broker
  all: Broker[]
  clusterId: string
  settings: Settings
  jars: Installed
  java: string
  stopping: AbortSignal
}): Promise<Part> {
  const { broker, all, clusterId, settings, jars, java, stopping } = options
  const folder = join(settings.data, broker.name)
  const properties = join(folder, 'server.properties')
  mkdirSync(folder, { recursive: true })
  writeFileSync(properties, serverProperties(broker, all))
  // Named one by one: with `libs/*` a jar that nobody summed would be run as well.
  const classPath = jars.files.map(({ path }) => join(jars.folder, path)).join(delimiter)
  const file = join(java, 'bin/java')
  const surroundings = { cwd: folder, env: bareEnvironment(process.env) }
  // The optimizing compiler takes more of the two cores, for minutes, than the code it makes gives back.
  const frugal = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']
  const archive = settings.classData && join(settings.classData, 'kafka.jsa')
  const known = archive && existsSync(archive) ? [`-XX:SharedArchiveFile=${archive}`] : []
  const archives = archive && known.length === 0 ? [`-XX:ArchiveClassesAtExit=${archive}`] : []
  if (!existsSync(join(folder, 'log/meta.properties'))) {
    const args = [
      ...frugal,
      ...known,
      ...javaLocale,
      '-cp',
      classPath,
      'kafka.tools.StorageTool',
      'format',
      '-t',
      clusterId,
      '-c',
      properties,
    ]
    await run({ file, args: [...args, '--ignore-formatted'], ...surroundings }, stopping)
  }
  const logging = [
    `-Dlog4j2.configurationFile=${join(settings.root, 'stack/install/log4j2.xml')}`,
    // It turns the file over itself. Relative, as a path may hold what log4j takes for a pattern.
    `-Dinorder.log=${relative(folder, logOf(settings.data, broker.name))}`,
  ]
  const heap = all.length === 1 ? ['-Xms256m', '-Xmx512m'] : ['-Xms128m', '-Xmx384m']
  return {
    name: broker.name,
    address: `${host}:${broker.port}`,
    level: level.kafka,
    command: {
      file,
      args: [
        ...heap,
        ...frugal,
        ...known,
        ...archives,
        ...javaLocale,
        '-cp',
        classPath,
        ...logging,
        'kafka.Kafka',
        properties,
      ],
      ...surroundings,
    },
    isReady: () => isListening(host, broker.port),
    stop: { signal: 'SIGTERM', limit: archives.length > 0 ? 60_000 : 2_500 },
  }
}

function serverProperties(broker: Broker, all: Broker[]): string {
  const replicas = all.length
  const inSync = Math.max(replicas - 1, 1)
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': broker.id,
    'controller.quorum.voters': all.map((b) => `${b.id}@${host}:${b.controllerPort}`).join(','),
    listeners: `PLAINTEXT://${host}:${broker.port},CONTROLLER://${host}:${broker.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://${host}:${broker.port}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    // Relative to where the broker runs: Kafka reads this file as Latin-1, and a path with a comma as two.
    'log.dirs': 'log',
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 3,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    'group.initial.rebalance.delay.ms': 0,
    'auto.create.topics.enable': false,
    // Without these two a broker killed with -9 needs 9 to 11 s to be useful again.
    'broker.session.timeout.ms': 3000,
    'broker.heartbeat.interval.ms': 500,
  }
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

/** 16 bytes in base64url; Kafka takes no id that begins with a dash for one. */
function newClusterId(): string {
  const id = randomBytes(16).toString('base64url')
  return id.startsWith('-') ? newClusterId() : id
}
