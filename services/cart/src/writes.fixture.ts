// Writes as a test makes them.
import { randomUUID } from 'node:crypto'
import type { Order } from '@inorder/contracts/order.ts'
import type { Result, Write } from './group.ts'
import { requestHash } from './idempotency.ts'
import type { ChangeStatus, CreateOrder } from './order.ts'

export const orderFor = (orderId: string, fields: Partial<Order> = {}): Order => ({
  orderId,
  customerId: 'c',
  orderDate: '2026-01-01T00:00:00.000Z',
  items: [{ itemId: 'a', quantity: 1, price: 1 }],
  totalAmount: 1,
  currency: 'EUR',
  status: 'new',
  ...fields,
})

const asked = () => ({ eventId: randomUUID(), lifecycle: 'free', ifNoneMatch: [] }) as const
const use = (operation: string, key: string | undefined, body: unknown) => ({
  origin: 'cart',
  ...(key !== undefined && { key: { key, operation, hash: requestHash(body) } }),
})

export function create(orderId: string, key?: string, fields: Partial<Order> = {}): Write & { command: CreateOrder } {
  const order = orderFor(orderId, fields)
  return { ...use('POST /create-order', key, order), command: { ...asked(), type: 'CreateOrder', order } }
}

/** With a version: if the order is at that one. */
export function change(
  orderId: string,
  status: string,
  key?: string,
  version?: number,
): Write & { command: ChangeStatus } {
  const ifMatch = version === undefined ? 'all' : [version]
  const command = { ...asked(), type: 'ChangeStatus', orderId, status, ifMatch } as const
  return { ...use('PUT /update-order', key, [orderId, status]), command }
}

export const kind = ({ kind }: Result) => kind
