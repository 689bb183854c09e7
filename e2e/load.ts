// Clients at work while something is broken, and what they may rely on afterwards.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { assertArrived, type Outcome } from './arrival.ts'
import { type Answer, NoAnswer } from './http.ts'
import { type Shop, versionOf } from './shop.ts'

const changesOfAnOrder = 5

export class Load {
  /** The status of each version of an order, by clients that repeat a change until they know what became of it. */
  readonly changed = new Map<string, string[]>()
  /** Orders whose client asked once and took what came. */
  readonly once = new Map<string, Outcome>()
  /** Answers that the contract does not know. */
  readonly unexpected: string[] = []
  accepted = 0
  /** Requests that were refused with 503, or got no answer. */
  refused = 0
  unknown = 0
  private readonly shop: Shop
  private readonly prefix: string
  private readonly clients: Promise<void>[]
  private stopping = false

  constructor(shop: Shop, prefix: string, clients = { changing: 6, once: 3 }) {
    this.shop = shop
    this.prefix = prefix
    this.clients = [
      ...Array.from({ length: clients.changing }, (_, n) => this.change(`c${n}`)),
      ...Array.from({ length: clients.once }, (_, n) => this.createOnce(`p${n}`)),
    ]
  }

  /** Until so many more changes are accepted than now. */
  async more(count: number): Promise<void> {
    const goal = this.accepted + count
    await until(`${count} more changes are accepted`, () => this.accepted >= goal || this.unexpected.length > 0)
  }

  /** Ends the clients. */
  async end(): Promise<void> {
    this.stopping = true
    await Promise.all(this.clients)
  }

  /** Ends the clients; everything that was accepted has to be everywhere, in order and once. */
  async arrives(stack: Stack): Promise<void> {
    await this.end()
    assert.deepEqual(this.unexpected.slice(0, 5), [])
    await assertArrived(stack, this.shop, this.changed, this.once)
  }

  private async change(client: string): Promise<void> {
    for (let n = 0; !this.stopping; n++) {
      const orderId = `${this.prefix}-${client}-${n}`
      const statuses: string[] = []
      this.changed.set(orderId, statuses)
      for (let version = 1; version <= changesOfAnOrder && !this.stopping; version++) {
        const headers = { 'idempotency-key': randomUUID() }
        const status = version === 1 ? 'new' : `status-${version}`
        const answer = await this.repeat(() =>
          version === 1 ? this.shop.create(orderId, headers) : this.shop.update(orderId, status, headers),
        )
        if (!answer) return
        statuses.push(status)
        if (versionOf(answer) !== version || answer.json().status !== status) {
          this.unexpected.push(`version ${version} of ${orderId}: ${answer.headers.etag} ${answer.text}`)
        }
      }
    }
  }

  /** The same request again until the cart says what became of it; undefined when the contract is broken. */
  private async repeat(request: () => Promise<Answer>): Promise<Answer | undefined> {
    for (;;) {
      const { outcome, answer } = await this.ask(request)
      if (outcome === 'stored') return answer
      if (outcome === 'unexpected') return undefined
      // As a client would: not at once again.
      await pause(50)
    }
  }

  private async createOnce(client: string): Promise<void> {
    for (let n = 0; !this.stopping; n++) {
      const orderId = `${this.prefix}-${client}-${n}`
      const { outcome } = await this.ask(() => this.shop.create(orderId))
      if (outcome === 'unexpected') return
      this.once.set(orderId, outcome)
      if (outcome !== 'stored') await pause(50)
    }
  }

  private async ask(request: () => Promise<Answer>): Promise<{ outcome: Outcome | 'unexpected'; answer?: Answer }> {
    try {
      const answer = await request()
      if (answer.status === 200 || answer.status === 201 || answer.status === 202) {
        this.accepted++
        return { outcome: 'stored', answer }
      }
      const busy = answer.status === 409 && answer.text.includes('idempotency-key-in-use')
      if (answer.headers['retry-after'] && (answer.status === 503 || busy)) {
        this.refused++
        return { outcome: 'refused' }
      }
      this.unexpected.push(`${answer.status} ${answer.text}`)
      return { outcome: 'unexpected' }
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      this.unknown++
      return { outcome: 'unknown' }
    }
  }
}
