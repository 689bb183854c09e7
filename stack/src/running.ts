// Where the parts of the stack are that runs, for commands that are given to it from outside.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { StartFailure } from './failure.ts'
import type { Settings } from './settings.ts'

export interface Addresses {
  brokers(): string[]
  /** URL of a database that is always there. */
  server(): string
  registry(): string
  /** Names of the processes: `cart`, `cart-2`. */
  names(): string[]
}

/** Each as it is given, or of the stack that runs; then throws StartFailure where none does. */
export function addressesOf({ data, given }: Pick<Settings, 'data' | 'given'>): Addresses {
  const ofRunning = (name: RegExp) => {
    const found = runningParts(data).filter((part) => name.test(part.name))
    if (found.length === 0) throw new StartFailure(`the stack in ${data} was given that part: name it here as well`)
    return found.map(({ address }) => address)
  }
  return {
    brokers: () => given.kafka?.split(',') ?? ofRunning(/^kafka/),
    server: () => given.database ?? `postgres://postgres@${ofRunning(/^postgres$/)[0]}/postgres`,
    registry: () => given.registry ?? ofRunning(/^registry$/)[0]!,
    names: () => runningParts(data).map(({ name }) => name),
  }
}

export function runningParts(data: string): { name: string; pid: number; address: string }[] {
  try {
    return JSON.parse(readFileSync(join(data, 'stack.json'), 'utf8')).parts
  } catch {
    throw new StartFailure(
      `no stack runs in ${data}: start it, or name KAFKA_BROKERS, SCHEMA_REGISTRY_URL and DATABASE_URL`,
    )
  }
}
