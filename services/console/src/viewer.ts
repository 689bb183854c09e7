// What one page, or one timeline, asks the services, always as the user who looks: nobody sees more here than a service would
// tell them.
import { setTimeout as pause } from 'node:timers/promises'
import type { ServiceName } from '@inorder/contracts/service-names.ts'
import { type Answer, type Asking, deadlineMs, type Services } from './services.ts'

/** An item of a list, and the service that has it. */
export type Of<Item> = Item & { service: ServiceName }

/** Of a list that several services have: those that gave no list are named. */
export interface Lists<Item> {
  items: Of<Item>[]
  silent: ServiceName[]
  /** Those that have more than they were asked for. */
  more: ServiceName[]
}

export interface List<Item> {
  items: Item[]
  next: string | null
}

const writeDeadlineMs = 30_000

export class Viewer {
  readonly #services: Services
  readonly #caller: Asking
  readonly #asked = new Map<string, Promise<Answer>>()
  /** For all questions together, also for those that wait for another's answer. */
  readonly #late = pause<Answer>(deadlineMs, { reachable: false, why: 'not in time' }, { ref: false })

  constructor(services: Services, caller: Asking) {
    this.#services = services
    this.#caller = caller
  }

  /**
   * The same thing is asked once, and no answer is waited for longer than the deadline of the whole. `anew`: nor is an answer
   * taken that somebody else was given a moment ago.
   */
  ask(service: ServiceName, path: string, { anew = false } = {}): Promise<Answer> {
    const question = service + path
    let answer = this.#asked.get(question)
    if (!answer) {
      answer = Promise.race([this.#services.ask(this.#caller, service, path, anew ? {} : undefined), this.#late])
      this.#asked.set(question, answer)
    }
    return answer
  }

  /** A redrive or a discard with much behind it takes its time. */
  write(service: ServiceName, path: string, method: 'POST' | 'PUT', body: unknown): Promise<Answer> {
    const signal = AbortSignal.timeout(writeDeadlineMs)
    return this.#services.ask(this.#caller, service, path, { method, body, signal })
  }

  /** Undefined: it did not answer, or not with 200. */
  async get<Body>(service: ServiceName, path: string): Promise<Body | undefined> {
    const answer = await this.ask(service, path)
    return answer.reachable && answer.status === 200 ? (answer.body as Body) : undefined
  }

  async lists<Item>(services: readonly ServiceName[], path: string): Promise<Lists<Item>> {
    const all: Lists<Item> = { items: [], silent: [], more: [] }
    const lists = await Promise.all(services.map((service) => this.get<List<Item>>(service, path)))
    for (const [n, list] of lists.entries()) {
      const service = services[n]!
      if (!Array.isArray(list?.items)) all.silent.push(service)
      else all.items.push(...list.items.map((item) => ({ ...item, service })))
      if (list?.next) all.more.push(service)
    }
    return all
  }
}
