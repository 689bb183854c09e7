// A service of ours as a part: the same `main.ts` that runs on its own, with the environment that CONTRIBUTING names.
import { host } from './addresses.ts'
import { databaseOf } from './databases.ts'
import { answersOk } from './network.ts'
import { level, type Part } from './part.ts'
import type { Service } from './services.ts'

export interface Surroundings {
  database: string
  kafka: string
  registry: string
}

/**
 * On a machine with much memory Node looks for garbage late: a service that streamed a million ids grew by 150 MB before
 * it did, by 20 MB with these, which the images have too. A limit of the heap would do the same, and end the process once
 * there is need of more.
 */
const leanHeap = ['--max-semi-space-size=8', '--heap-growing-percent=40']

/** `instance` 1 is the service itself; instance n listens 100(n-1) ports higher and is named `cart-n`. */
export function service(options: {
  service: Service
  instance?: number
  offset: number
  root: string
  surroundings: Surroundings
}): Part {
  const { service, instance = 1, offset, root, surroundings } = options
  const name = instance === 1 ? service.name : `${service.name}-${instance}`
  const port = service.port + offset + 100 * (instance - 1)
  return {
    name,
    address: `${host}:${port}`,
    level: level.service,
    command: {
      file: process.execPath,
      args: [...leanHeap, `services/${service.name}/src/main.ts`],
      cwd: root,
      // DELIVERY, LOG_LEVEL and the like go through as the user gave them.
      env: {
        ...process.env,
        DATABASE_URL: databaseOf(surroundings.database, service.database),
        KAFKA_BROKERS: surroundings.kafka,
        SCHEMA_REGISTRY_URL: surroundings.registry,
        HOST: host,
        PORT: String(port),
        INSTANCE: name,
      },
    },
    isReady: () => answersOk(`http://${host}:${port}/health/ready`),
    stop: { signal: 'SIGTERM', limit: 4_000 },
  }
}
