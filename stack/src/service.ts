// A service of ours as a part: the same `main.ts` that runs on its own, with the environment that CONTRIBUTING names.
import { join } from 'node:path'
import { host } from './addresses.ts'
import { databaseOf } from './databases.ts'
import { answersOk } from './network.ts'
import { level, logOf, type Part } from './part.ts'
import type { SandboxKey } from './sandbox-key.ts'
import { type Service, services } from './services.ts'
import type { Settings } from './settings.ts'

interface Surroundings {
  database: string
  kafka: string
  registry: string
  /** Where authentication is on. */
  sandboxKey?: SandboxKey | undefined
}

/**
 * On a machine with much memory Node looks for garbage late: a service that streamed a million ids grew by 150 MB before
 * it did, by 20 MB with these, which the images have too. A limit of the heap would do the same, and end the process once
 * there is need of more.
 */
export const leanHeap = ['--max-semi-space-size=16', '--heap-growing-percent=40']

const consolePort = 3000

interface Instance {
  service: Service
  name: string
  port: number
}

/** The processes to start: instance 1 has its service's name and port, instance n is `cart-n`, 100(n-1) ports higher. */
export const instancesOf = ({ services, instances, offset }: Settings): Instance[] =>
  services.flatMap((service) =>
    Array.from({ length: service.database ? instances : 1 }, (_, n) => ({
      service,
      name: n === 0 ? service.name : `${service.name}-${n + 1}`,
      port: service.port + offset + 100 * n,
    })),
  )

/** Where it answers. What stands in for something outside speaks plain HTTP: only this machine reaches it. */
export const urlOf = ({ service, port }: Pick<Instance, 'service' | 'port'>): string =>
  `${!service.standsInFor && process.env.TLS_CERT_FILE ? 'https' : 'http'}://${host}:${port}`

/** What the console is told: where the instances of each service answer, also of one that runs from an editor. */
const addressesFor = (settings: Settings) =>
  Object.fromEntries(
    services
      .filter(({ database }) => database)
      .map((service) => [
        `${service.name.toUpperCase()}_URL`,
        instancesOf({ ...settings, services: [service] })
          .map(urlOf)
          .join(),
      ]),
  )

const tokenOf = (setting: string, key: string) => [
  [setting, key],
  [`${setting}_FILE`, ''],
]

export function service(options: { instance: Instance; settings: Settings; surroundings: Surroundings }): Part {
  const { instance, settings, surroundings } = options
  const { service, name, port } = instance
  const { sandboxKey } = surroundings
  const standIns = settings.services.flatMap(({ standsInFor, port }) =>
    standsInFor
      ? [
          [standsInFor, `http://${host}:${port + settings.offset}`],
          ...(sandboxKey ? tokenOf(standsInFor.replace('_URL', '_TOKEN'), sandboxKey.key) : []),
        ]
      : [],
  )
  const standsIn = {
    DATA_FILE: join(settings.data, `${service.name}.jsonl`),
    TLS_CERT_FILE: '',
    TLS_KEY_FILE: '',
    ...(sandboxKey && { API_KEYS_FILE: sandboxKey.file }),
  }
  const own = service.database
    ? {
        ...Object.fromEntries(standIns),
        DATABASE_URL: databaseOf(surroundings.database, service.database),
        DATABASE_URL_FILE: '',
      }
    : service.standsInFor
      ? standsIn
      : addressesFor(settings)
  return {
    name,
    address: `${host}:${port}`,
    level: level.service,
    command: {
      file: process.execPath,
      args: [...leanHeap, `services/${service.name}/src/main.ts`],
      cwd: settings.root,
      // DELIVERY, LOG_LEVEL and the like go through as the user gave them.
      env: {
        ...process.env,
        ...own,
        KAFKA_BROKERS: surroundings.kafka,
        KAFKA_BROKERS_FILE: '',
        SCHEMA_REGISTRY_URL: surroundings.registry,
        SCHEMA_REGISTRY_URL_FILE: '',
        HOST: host,
        // The console's page writes to the services.
        ALLOWED_ORIGINS: [process.env.ALLOWED_ORIGINS, `http://${host}:${consolePort + settings.offset}`]
          .filter(Boolean)
          .join(','),
        PORT: String(port),
        INSTANCE: name,
        GROUP_INSTANCE_ID: name,
        LOG_FILE: logOf(settings.data, name),
      },
    },
    isReady: () => answersOk(`${urlOf(instance)}/health/ready`),
    stop: { signal: 'SIGTERM', limit: 4_000 + settings.drainMs },
  }
}
