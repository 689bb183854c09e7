// What the user can set, read once from the environment and the arguments.
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { secretOf } from '@inorder/storage/settings.ts'
import { StartFailure } from './failure.ts'
import { type Service, services } from './services.ts'

export interface Settings {
  /** The repository. */
  root: string
  /** Where the stack keeps everything it must find again. */
  data: string
  /** Kafka and registry as installed; shared by all stacks, also of several clones (INORDER_INSTALL). */
  install: string
  offset: number
  services: Service[]
  /** Processes of each service. */
  instances: number
  /** Kafka brokers: 1, or a cluster of 3. */
  brokers: number
  /**
   * A folder for Kafka's classes as the JVM has them ready, for a test run, which makes many brokers. Nobody sums what is in
   * it, so it is for a folder that nobody else writes to (INORDER_CLASS_DATA; docs/decisions/stack.md).
   */
  classData?: string
  /** DRAIN_MS: how much longer the services take to stop. */
  drainMs: number
  /** SEED_STOCK: the items of generated orders are put on stock, once. */
  seedStock: boolean
  /** Given by the user: these stand in for a part, which is then not started. */
  given: { database?: string; kafka?: string; registry?: string }
}

export const root = fileURLToPath(new URL('../../', import.meta.url))

const usage = 'npm start -- --instances <1 to 5> --brokers <1 or 3>'

export function readSettings(env: NodeJS.ProcessEnv, args: string[] = []): Settings {
  const { instances = '1', brokers } = readArguments(args)
  const [database, kafka, registry] = ['DATABASE_URL', 'KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL'].map((name) =>
    secretOf(env, name),
  )
  if (brokers && kafka) {
    throw new StartFailure('--brokers and KAFKA_BROKERS exclude each other: Kafka is either started or given')
  }
  return {
    instances: oneOf('instances', instances, ['1', '2', '3', '4', '5']),
    brokers: oneOf('brokers', brokers ?? '1', ['1', '3']),
    root,
    data: resolve(env.INORDER_DATA || `${root}.local`),
    install: resolve(env.INORDER_INSTALL || `${root}.local/install`),
    offset: readOffset(env.INORDER_PORT_OFFSET),
    ...(env.INORDER_CLASS_DATA && { classData: resolve(env.INORDER_CLASS_DATA) }),
    drainMs: readDrain(env.DRAIN_MS),
    seedStock: readSeed(env.SEED_STOCK, database !== undefined),
    services: readServices(env.INORDER_SERVICES).filter(({ standsInFor }) => !standsInFor || !env[standsInFor]),
    given: {
      ...(database && { database: readUrl('DATABASE_URL', database, ['postgres:', 'postgresql:']) }),
      ...(kafka && { kafka: readBrokers(kafka) }),
      ...(registry && { registry: readUrl('SCHEMA_REGISTRY_URL', registry, ['http:', 'https:']) }),
    },
  }
}

function readArguments(args: string[]) {
  try {
    return parseArgs({ args, options: { instances: { type: 'string' }, brokers: { type: 'string' } } }).values
  } catch {
    throw new StartFailure(`"${args.join(' ')}" is not understood: ${usage}`)
  }
}

function oneOf(name: string, value: string, allowed: string[]): number {
  if (!allowed.includes(value)) throw new StartFailure(`--${name} is "${value}": ${usage}`)
  return Number(value)
}

function readOffset(value = '0'): number {
  const offset = Number(value || '0')
  if (!Number.isInteger(offset) || offset < 0 || offset > 50_000) {
    throw new StartFailure(`INORDER_PORT_OFFSET is "${value}": give a whole number from 0 to 50000`)
  }
  return offset
}

function readDrain(value?: string): number {
  const ms = Number(value || '0')
  if (!Number.isInteger(ms) || ms < 0 || ms > 60_000) {
    throw new StartFailure(`DRAIN_MS is "${value}": give milliseconds, a whole number from 0 to 60000`)
  }
  return ms
}

/** By default not into a server of the user's own. */
function readSeed(value: string | undefined, isGiven: boolean): boolean {
  if (value && !['on', 'off'].includes(value)) throw new StartFailure(`SEED_STOCK is "${value}": give on or off`)
  return value ? value === 'on' : !isGiven
}

/** `INORDER_SERVICES=cart,order` starts those only; `none` starts the parts alone, to run services from an editor. */
function readServices(value?: string): Service[] {
  if (!value) return services
  if (value === 'none') return []
  return value.split(',').map((name) => {
    const service = services.find((s) => s.name === name.trim())
    if (!service) {
      throw new StartFailure(
        `INORDER_SERVICES names "${name}": give "none" or some of ${services.map((s) => s.name).join(',')}`,
      )
    }
    return service
  })
}

function readUrl(variable: string, value: string, protocols: string[]): string {
  if (!URL.canParse(value) || !protocols.includes(new URL(value).protocol)) {
    throw new StartFailure(`${variable} is not a URL that begins with ${protocols.map((p) => `${p}//`).join(' or ')}`)
  }
  return value
}

function readBrokers(value: string): string {
  if (!/^[^\s:,]+:\d+(,[^\s:,]+:\d+)*$/.test(value)) {
    throw new StartFailure(`KAFKA_BROKERS is "${value}": give host:port, or several with commas between`)
  }
  return value
}
