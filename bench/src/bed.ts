// What a bench runs on: stacks, processes beside them, databases, and a meter of what all of it takes.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { databaseOf, makeDatabases } from '@inorder/stack/databases.ts'
import { socketUrl } from '@inorder/stack/postgres.ts'
import { leanHeap } from '@inorder/stack/service.ts'
import { type Stack, startStack } from '@inorder/testing/stack.ts'
import { machineTime, partsOf, perOrder, processorTime } from './processor-time.ts'
import type { Round } from './results.ts'

/** The first line that it prints. */
export async function firstLine(child: ChildProcess): Promise<string> {
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${child.spawnargs} ended with ${code}`)))
  const [line] = await Promise.race([once(createInterface({ input: child.stdout! }), 'line'), ended])
  return line
}

/** Its answer to a message. */
export async function ask<T>(child: ChildProcess, message: object): Promise<T> {
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${child.spawnargs} ended with ${code}`)))
  child.send(message)
  const [answer] = await Promise.race([once(child, 'message'), ended])
  return answer
}

export class Bed {
  readonly #stacks = new Map<string, Stack>()
  readonly #children = new Map<ChildProcess, string>()
  #databases = 0

  /** The stack with these services alone, as INORDER_SERVICES names them. */
  stack(services: string): Stack {
    return this.#stacks.get(services)!
  }

  /** Starts what is missing of these stacks and stops all others. */
  async prepare(wanted: readonly string[]): Promise<void> {
    for (const [services, stack] of this.#stacks) {
      if (wanted.includes(services)) continue
      this.#stacks.delete(services)
      await stack.stop()
    }
    for (const services of wanted) {
      if (this.#stacks.has(services)) continue
      // No stock: generated orders are backordered, and the allocator looks at each of them once.
      const env = { LOG_LEVEL: 'warn', SEED_STOCK: 'off', ...(services !== 'all' && { INORDER_SERVICES: services }) }
      this.#stacks.set(services, await startStack({ env }))
    }
  }

  /** A process of Node from a file of this folder; `end` or `endChildren` ends it. `name` is that of its processor time. */
  node(name: string, file: string, args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    return this.start(
      name,
      process.execPath,
      [...leanHeap, fileURLToPath(new URL(file, import.meta.url)), ...args],
      env,
    )
  }

  start(name: string, command: string, args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      env: { ...process.env, ...env },
    })
    child.stdout!.resume()
    this.#children.set(child, name)
    return child
  }

  async end(child: ChildProcess): Promise<void> {
    this.#children.delete(child)
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  }

  async endChildren(): Promise<void> {
    await Promise.all([...this.#children.keys()].map((child) => this.end(child)))
  }

  async close(): Promise<void> {
    await this.endChildren()
    await Promise.all([...this.#stacks.values()].map((stack) => stack.stop()))
    this.#stacks.clear()
  }

  /** URL of a new database on the PostgreSQL of that stack, by its socket: as the stack's own services come. */
  async database({ data, databaseUrl }: Stack): Promise<string> {
    const url = socketUrl({ data, port: Number(new URL(databaseUrl('cart')).port) })
    const name = `bench_${++this.#databases}`
    await makeDatabases(url, [name])
    return databaseOf(url, name)
  }

  /** Starts to measure; what it returns makes a round of what was done since. Of a stack other than this: `beside`. */
  meter(of?: Stack): (measured: Pick<Round, 'value' | 'p50' | 'p99'>, orders: number) => Round {
    const time = () =>
      processorTime([
        ...[...this.#stacks.values()].flatMap((stack) =>
          !of || stack === of ? partsOf(stack) : partsOf(stack).map((part) => ({ ...part, name: 'beside' })),
        ),
        ...[...this.#children].map(([child, name]) => ({ name, pid: child.pid! })),
      ])
    const [before, machine] = [time(), machineTime()]
    return (measured, orders) => {
      const [after, then] = [time(), machineTime()]
      const own = [...after].reduce((sum, [name, us]) => sum + us - (before.get(name) ?? 0), 0)
      const share = (then.taken - machine.taken - own) / (then.all - machine.all)
      const cpuMicrosecondsPerOrder = perOrder(before, after, orders)
      return { ...measured, cpuMicrosecondsPerOrder, ...(!Number.isNaN(share) && { stolenShare: Math.max(0, share) }) }
    }
  }
}
