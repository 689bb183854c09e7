// A whole stack for a test: the real starter, on free ports, with its data in a temporary folder.
// The starter stops everything by itself when the test process ends, however it ends (its IPC channel closes).
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePortOffset } from './ports.ts'
import { until } from './until.ts'

export interface Part {
  name: string
  pid: number
  address: string
}

export interface StackOptions {
  /** Of `npm start --`: `['--instances', '2']`. */
  args?: string[]
  /** Added to the environment of `npm start`: DELIVERY, KAFKA_BROKERS, INORDER_SERVICES, ... */
  env?: Record<string, string>
  /** Data folder to use again; the stack does not remove it. Default: a temporary one, removed by `stop`. */
  data?: string
  /** INORDER_PORT_OFFSET; default: a free block. */
  offset?: number
  /** Another folder of this project, whose stack is started. */
  root?: string
  /** Gives the start up. */
  signal?: AbortSignal
}

export interface Stack {
  readonly data: string
  readonly offset: number
  /** The starter's process. */
  readonly starter: ChildProcess
  /** Every line the starter has printed. */
  readonly lines: readonly string[]
  /** The parts as stack.json names them now. */
  parts(): Part[]
  /** Base URL of a service: `http://127.0.0.1:13001`. */
  url(service: string): string
  /** Address of a part: `kafka` is all brokers, `registry` the URL of its Confluent API. */
  address(part: string): string
  /** URL of a service's own database, for a look with SQL. */
  databaseUrl(service: string): string
  pid(part: string): number
  /** Sends a signal (default SIGKILL) to the process that does the work, and returns its pid. */
  kill(part: string, signal?: NodeJS.Signals): number
  /** Stops the whole part where it stands (SIGSTOP to its process and all below it), as a hung machine would. */
  freeze(part: string): void
  thaw(part: string): void
  /** Kills a part and waits until it has been started again (not until it is ready). */
  replaced(part: string): Promise<void>
  /** SIGTERM; resolves with the starter's exit code once everything has ended. */
  stop(): Promise<number>
}

const thisRoot = fileURLToPath(new URL('../../', import.meta.url))

/** The environment without what would make a stack of this one: only what the caller gives counts. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const env = { ...process.env }
  for (const name of Object.keys(env)) {
    if (/^(INORDER_|TEST_|KAFKA_|SCHEMA_REGISTRY_|PG[A-Z]|NODE_TEST_CONTEXT|NODE_OPTIONS|NODE_CHANNEL)/.test(name))
      delete env[name]
  }
  const given = ['KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL', 'DATABASE_URL', 'PAYMENT_URL', 'CARRIER_URL']
  for (const name of [...given, 'DELIVERY', 'HOST', 'PORT', 'LOG_LEVEL']) delete env[name]
  const classes = process.env.TEST_CLASS_DATA
  // Orders of items that nobody has counted are backordered: tests rely on it.
  return { ...env, SEED_STOCK: 'off', ...(classes && { INORDER_CLASS_DATA: classes }) }
}

/** Starts a stack and waits for its `ready` line. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  for (let attempt = 1; ; attempt++) {
    const offset = options.offset ?? (await freePortOffset())
    const data = options.data ?? mkdtempSync(join(tmpdir(), 'inorder-stack-'))
    const env = { ...cleanEnvironment(), ...options.env, INORDER_DATA: data, INORDER_PORT_OFFSET: String(offset) }
    const root = options.root ?? thisRoot
    const starter = spawn(process.execPath, [join(root, 'stack/src/start.ts'), ...(options.args ?? [])], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    })
    options.signal?.addEventListener('abort', () => starter.kill('SIGTERM'), { once: true })
    const lines: string[] = []
    for (const stream of [starter.stdout, starter.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => lines.push(line))
    }
    const ended = once(starter, 'close')
    await until(
      'the stack is ready',
      () => lines.some((line) => line.startsWith('ready')) || starter.exitCode !== null || starter.signalCode !== null,
      180_000,
    )
    if (starter.exitCode === null && starter.signalCode === null) {
      return stackOf({ starter, ended, lines, data, offset, ownsData: options.data === undefined })
    }
    await ended
    if (options.data === undefined) rmSync(data, { recursive: true, force: true })
    // Another test may have taken a port since it was seen free.
    const retry = attempt < 3 && options.offset === undefined && lines.some((line) => /port .* taken/.test(line))
    if (!retry) throw new Error(`the stack did not start:\n${lines.join('\n')}`)
  }
}

function stackOf(running: {
  starter: ChildProcess
  ended: Promise<unknown>
  lines: string[]
  data: string
  offset: number
  ownsData: boolean
}): Stack {
  const { starter, ended, lines, data, offset, ownsData } = running
  const parts = (): Part[] => JSON.parse(readFileSync(join(data, 'stack.json'), 'utf8')).parts
  const part = (name: string): Part => {
    const found = parts().find((p) => p.name === name)
    if (!found) throw new Error(`no part ${name} in stack.json: ${JSON.stringify(parts())}`)
    return found
  }
  // As of the ready line: a part that is just being started again is not in stack.json.
  const addresses = new Map(parts().map((p) => [p.name, p.address]))
  const brokers = [...addresses].filter(([name]) => name.startsWith('kafka')).map(([, address]) => address)
  if (brokers.length > 0) addresses.set('kafka', brokers.join(','))
  const addressOf = (name: string): string => {
    const address = addresses.get(name)
    if (address === undefined) throw new Error(`no part ${name} in this stack: ${[...addresses.keys()]}`)
    return address
  }
  const signalTree = (name: string, signal: NodeJS.Signals) => {
    for (const pid of withDescendants(part(name).pid)) process.kill(pid, signal)
  }
  const kill = (name: string, signal: NodeJS.Signals = 'SIGKILL') => {
    const { pid } = part(name)
    process.kill(pid, signal)
    return pid
  }
  return {
    data,
    offset,
    starter,
    lines,
    parts,
    address: addressOf,
    url: (service) => `http://${addressOf(service)}`,
    databaseUrl: (service) => `postgres://postgres@${addressOf('postgres')}/inorder_${service}`,
    pid: (name) => part(name).pid,
    kill,
    freeze: (name) => signalTree(name, 'SIGSTOP'),
    thaw: (name) => signalTree(name, 'SIGCONT'),
    async replaced(name) {
      const pid = kill(name)
      await until(`${name} is started again`, () => parts().some((p) => p.name === name && p.pid !== pid))
    },
    async stop() {
      if (starter.exitCode === null && starter.signalCode === null) starter.kill('SIGTERM')
      await ended
      if (ownsData) rmSync(data, { recursive: true, force: true })
      return starter.exitCode ?? 1
    },
  }
}

/** A process and all below it; PostgreSQL's backends are in sessions of their own, so a group is not enough. */
function withDescendants(pid: number): number[] {
  let children: number[] = []
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return [pid, ...children.flatMap(withDescendants)]
}
