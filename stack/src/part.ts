import { join } from 'node:path'

/** A long-running process of the stack, as data: what to run, how to see that it works, how to end it. */
export interface Part {
  /** As in stack.json; also the name of its log file. */
  name: string
  address: string
  /** Parts lean on those of lower levels, so the highest are stopped first. */
  level: number
  command: Command
  /** One look at whether it does its work; an error counts as no. */
  isReady(): Promise<boolean>
  stop: { signal: NodeJS.Signals; limit: number }
  /** Its log has no end: it only writes to its output. The others begin new files themselves. */
  logGrows?: true
  /** How often the process may end before it is ready at a start of the stack; default 1. */
  attempts?: number
}

export interface Command {
  file: string
  args: string[]
  cwd: string
  env?: NodeJS.ProcessEnv
  uid?: number
  gid?: number
}

/** The file of what it says. */
export const logOf = (data: string, name: string): string => join(data, 'logs', `${name}.log`)

export const level = { database: 0, kafka: 1, registry: 2, service: 3 }
