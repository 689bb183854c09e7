// One Kafka broker that is its own controller (KRaft).
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { host } from './addresses.ts'
import type { Installed } from './install.ts'
import { isListening } from './network.ts'
import { level, type Part } from './part.ts'
import type { Settings } from './settings.ts'
import { run } from './tool.ts'

export interface Broker {
  /** 1, 2, 3: also its KRaft node id. */
  id: number
  port: number
  controllerPort: number
}

/** A broker's part; formats its storage first if that has not been done. `all` are the brokers of the cluster. */
export async function kafka(options: {
  broker: Broker
  all: Broker[]
  settings: Settings
  jars: Installed
  java: string
  stopping: AbortSignal
}): Promise<Part> {
  const { broker, all, settings, jars, java, stopping } = options
  const name = all.length === 1 ? 'kafka' : `kafka-${broker.id}`
  const folder = join(settings.data, name)
  const properties = join(folder, 'server.properties')
  mkdirSync(folder, { recursive: true })
  writeFileSync(properties, serverProperties(broker, all, join(folder, 'log')))
  // Named one by one: with `libs/*` a jar that nobody summed would be run as well.
  const classPath = jars.files.map(({ path }) => join(jars.folder, path)).join(delimiter)
  const file = join(java, 'bin/java')
  if (!existsSync(join(folder, 'log/meta.properties'))) {
    const args = ['-cp', classPath, 'kafka.tools.StorageTool', 'format', '-t', clusterId(), '-c', properties]
    await run({ file, args: [...args, '--ignore-formatted'] }, stopping)
  }
  const logging = `-Dlog4j2.configurationFile=${join(settings.root, 'stack/install/log4j2.xml')}`
  return {
    name,
    address: `${host}:${broker.port}`,
    level: level.kafka,
    command: {
      file,
      args: ['-Xms256m', '-Xmx512m', '-cp', classPath, logging, 'kafka.Kafka', properties],
      cwd: folder,
    },
    isReady: () => isListening(host, broker.port),
    stop: { signal: 'SIGTERM', limit: 2_500 },
  }
}

function serverProperties(broker: Broker, all: Broker[], folder: string): string {
  const replicas = Math.min(all.length, 3)
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
    'log.dirs': folder,
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
function clusterId(): string {
  const id = randomBytes(16).toString('base64url')
  return id.startsWith('-') ? clusterId() : id
}
