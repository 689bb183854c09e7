// A Docker engine and Compose v2, and the compose files of deploy/ on them, each in a project of the test's own.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { until } from '@inorder/testing/until.ts'

const root = join(import.meta.dirname, '..')
export const sides = ['producer', 'consumer', 'inventory', 'billing', 'shipping', 'console'] as const
const limit = 300_000

/** Ports, network and tag that no deployment uses. The order service has a range, so that it can have replicas. */
const settings = {
  INORDER_NETWORK: 'inorder-test',
  INORDER_TAG: 'test',
  CONSOLE_PORT: '33000',
  CART_PORTS: '33001',
  ORDER_PORTS: '33010',
  INVENTORY_PORTS: '33003',
  BILLING_PORTS: '33004',
  SHIPPING_PORTS: '33005',
  PAYMENT_PORT: '33006',
  CARRIER_PORT: '33007',
  KAFKA_PORT: '33092',
  REGISTRY_PORT: '33081',
}

export interface Engine {
  version: string
  compose: readonly string[]
  composeVersion: string
  /** Standard output; rejects with what the command said when it fails. */
  run(file: string, args: readonly string[], env?: Record<string, string>): Promise<string>
}

/** The engine that `docker` finds (DOCKER_HOST), with `docker compose` or `docker-compose`. Ends the run when there is none. */
export async function findEngine(): Promise<Engine> {
  const version = await run('docker', ['version', '--format', '{{.Server.Version}}']).catch(() => undefined)
  if (!version) return giveUp('no Docker engine: start one, or name it with DOCKER_HOST')
  for (const compose of [['docker', 'compose'], ['docker-compose']]) {
    const [file = '', ...args] = compose
    const found = await run(file, [...args, 'version', '--short']).catch(() => undefined)
    if (found && !found.startsWith('1.'))
      return { version: version.trim(), compose, composeVersion: `Compose ${found.trim()}`, run }
  }
  return giveUp('no Docker Compose of version 2 or later: install docker-compose-plugin')
}

function giveUp(why: string): never {
  console.error(why)
  process.exit(1)
}

export class Compose {
  readonly #engine: Engine

  constructor(engine: Engine) {
    this.#engine = engine
  }

  async #compose(side: string, ...args: readonly string[]): Promise<string> {
    const [file = '', ...before] = this.#engine.compose
    const of = ['-p', `inorder-test-${side}`, '-f', join(root, `deploy/${side}/docker-compose.yml`)]
    // A range only where replicas are asked for: the first port is the one that everybody asks.
    const range = args.includes('--scale') ? { ORDER_PORTS: '33010-33011' } : {}
    return this.#engine.run(file, [...before, ...of, ...args], { ...settings, ...range })
  }

  /** One line for each image that others made: its name, and whether it came from a registry. */
  async baseImages(): Promise<string[]> {
    const lines: string[] = []
    for (const image of ['node:24-slim', 'postgres:18', 'apache/kafka:4.3.1', 'apicurio/apicurio-registry:3.3.3']) {
      const format = ['--format', '{{len .RepoDigests}}']
      const digests = await this.#engine.run('docker', ['image', 'inspect', ...format, image]).catch(() => undefined)
      const origin =
        digests === undefined ? 'will be pulled' : Number(digests) ? 'pulled' : 'a STAND-IN made on this machine'
      lines.push(`${image}: ${origin}`)
    }
    return lines
  }

  async up(side: string, ...args: readonly string[]): Promise<void> {
    await this.#compose(side, 'up', '-d', ...(args.includes('--no-build') ? [] : ['--build']), ...args)
  }

  async down(side: string): Promise<void> {
    await this.#compose(side, 'down', '-v', '--timeout', '5', '--remove-orphans')
  }

  state(side: string): Promise<string> {
    return this.#compose(side, 'ps', '-a')
  }

  /** Waits until every container of the side runs, and is healthy where it says; `topics` has ended. */
  async healthy(side: string): Promise<void> {
    const isWell = async () => {
      const containers = (await this.#compose(side, 'ps', '-a', '--format', 'json')).split('\n').filter(Boolean)
      const ill = containers
        .map((line): { Name: string; State: string; Health: string; ExitCode: number } => JSON.parse(line))
        .filter(({ State, Health, ExitCode }) =>
          State === 'exited' ? ExitCode !== 0 : State !== 'running' || (Health !== '' && Health !== 'healthy'),
        )
      if (containers.length === 0 || ill.length > 0) throw new Error(JSON.stringify(ill))
      return true
    }
    await until(`${side} is healthy`, isWell, limit)
  }

  /**
   * kill -9 of a container's first process, as a crash would: `docker kill` counts as a stop by hand, after which the
   * restart policy does nothing. From a container that sees the engine's processes, as the engine may be elsewhere.
   */
  async killed(side: string, service: string): Promise<void> {
    const [id = ''] = await this.#ids(side, service)
    const state = async () =>
      (await this.#docker('inspect', '--format', '{{.State.Pid}} {{.State.Running}}', id)).trim()
    const [pid = ''] = (await state()).split(' ')
    await this.#docker(
      'run',
      '--rm',
      '--pid=host',
      '--user=0',
      '--entrypoint=sh',
      'node:24-slim',
      '-c',
      `kill -9 ${pid}`,
    )
    await until(
      `${service} runs again`,
      async () => {
        const [now, running] = (await state()).split(' ')
        return running === 'true' && now !== pid && now !== '0'
      },
      limit,
    )
  }

  /** GROUP_INSTANCE_ID as each replica's process has it. */
  async groupInstanceIds(side: string, service: string): Promise<string[]> {
    const ids = await this.#ids(side, service)
    const ask = async (id: string) => {
      const environment = await this.#docker('exec', id, 'cat', '/proc/1/environ')
      return environment.split('\0').find((line) => line.startsWith('GROUP_INSTANCE_ID=')) ?? assert.fail('it has none')
    }
    return Promise.all(ids.map(ask))
  }

  async #ids(side: string, service: string): Promise<string[]> {
    return (await this.#compose(side, 'ps', '-a', '-q', service)).split('\n').filter(Boolean)
  }

  #docker(...args: readonly string[]): Promise<string> {
    return this.#engine.run('docker', args)
  }
}

function run(file: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      said += text
    })
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(out)
      else reject(new Error(`${file} ${args.join(' ')} ended with ${code}:\n${out.slice(-2_000)}${said.slice(-4_000)}`))
    })
  })
}
