// The calls of a stack's cart and order service, as its users make them; of several instances each in turn.
import type { Order } from '@inorder/contracts/order.ts'
import type { Stack } from '@inorder/testing/stack.ts'
import { type Answer, type Request, send } from './http.ts'

export type OrderDetails = Order & { shippingCost: number }

export interface TopicIds {
  topic: string
  count: number
  orderIds: string[]
  upToDate: boolean
  next?: string | null
}

export interface ParkedKey {
  key: string
  appliedVersion: number
  events: {
    event: string
    state: 'head' | 'behind' | 'waiting' | 'conflict'
    cause: string
    detail: string
    version: number | null
    parkedAt: string
    attempts: number
  }[]
}

type Headers = Record<string, string>

const query = (parameters: Record<string, string | number>) =>
  Object.entries(parameters)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&')

export class Shop {
  private readonly carts: string[]
  private readonly orders: string[]
  private turn = 0

  constructor(stack: Stack, { carts = ['cart'], orders = ['order'] } = {}) {
    this.carts = carts.map(stack.url)
    this.orders = orders.map(stack.url)
  }

  /** A generated order of `items` lines, or a real one when the body is given. */
  create(orderId: string, headers: Headers = {}, body: unknown = { orderId, itemsNum: 2 }): Promise<Answer> {
    return this.toCart('/create-order', { method: 'POST', headers, body })
  }

  update(orderId: string, status: string, headers: Headers = {}): Promise<Answer> {
    return this.toCart('/update-order', { method: 'PUT', headers, body: { orderId, status } })
  }

  inCart(orderId: string): Promise<Answer> {
    return this.toCart(`/orders/${encodeURIComponent(orderId)}`)
  }

  details(orderId: string, parameters: { minVersion?: number; wait?: number } = {}): Promise<Answer> {
    return this.toOrder(`/order-details?${query({ orderId, ...parameters })}`)
  }

  async topicIds(parameters: { limit?: number; after?: string } = {}): Promise<TopicIds> {
    const answer = await this.toOrder(`/getAllOrderIdsFromTopic?${query({ topic: 'order-events', ...parameters })}`)
    if (answer.status !== 200) throw new Error(`getAllOrderIdsFromTopic: ${answer.status} ${answer.text}`)
    return answer.json<TopicIds>()
  }

  parked(orderId: string): Promise<Answer> {
    return this.toOrder(`/ops/parked/${encodeURIComponent(orderId)}`)
  }

  toCart(path: string, request?: Request): Promise<Answer> {
    return send(this.carts[this.turn++ % this.carts.length] + path, request)
  }

  toOrder(path: string, request?: Request): Promise<Answer> {
    return send(this.orders[this.turn++ % this.orders.length] + path, request)
  }
}

/** The version that an answer's ETag names. */
export function versionOf(answer: Answer): number {
  const version = /^"(\d+)"$/.exec(String(answer.headers.etag))?.[1]
  if (!version) throw new Error(`no version in the ETag ${answer.headers.etag} of ${answer.status} ${answer.text}`)
  return Number(version)
}
