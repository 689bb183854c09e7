// The one way to the services. Each is asked as the user who asks the console: it has no credential of its own.
import { Instances, neverArrived } from '@inorder/contracts/instances.ts'
import type { ServiceName } from '@inorder/contracts/service-names.ts'
import { boundedText } from '@inorder/storage/bounded-text.ts'
import type { ConsoleConfig } from './config.ts'

/** Of the request that came to the console; its headers are one, of which nobody is named. */
export interface Asking {
  authorization?: string | undefined
  /** For the audit, where nobody is asked who they are. */
  operator?: string | undefined
}

/**
 * `body`: what the answer's JSON says; of any other answer its text. `address`: the instance that gave it. `why`: for people,
 * such as ECONNREFUSED.
 */
export type Answer =
  | { reachable: false; why: string; neverArrived?: boolean }
  | { reachable: true; status: number; body: unknown; etag: string | null; address?: string }

export interface Services {
  /** Never rejects. `path` comes with its query, and with every foreign part of it encoded (encodeURIComponent). */
  ask(
    caller: Asking,
    service: ServiceName,
    path: string,
    request?: { method?: string; body?: unknown; signal?: AbortSignal },
  ): Promise<Answer>
}

export const deadlineMs = 2_000
const longestAnswer = 8 * 1024 * 1024
/** A key of `.` or `..`, which no order has, would lead to another call: `/ops/parked/./redrive` is sent as the redrive of all. */
const leadsElsewhere = /\/\.{1,2}(\/|\?|$)/

export function servicesOf(config: ConsoleConfig): Services {
  const of = (urls: string) => {
    const addresses = urls.split(',')
    return { instances: new Instances(addresses), eachMs: deadlineMs / addresses.length }
  }
  const services: Record<ServiceName, ReturnType<typeof of>> = {
    cart: of(config.CART_URL),
    order: of(config.ORDER_URL),
    inventory: of(config.INVENTORY_URL),
    billing: of(config.BILLING_URL),
    shipping: of(config.SHIPPING_URL),
  }
  return {
    async ask({ authorization, operator }, service, path, { method = 'GET', body, signal } = {}) {
      if (leadsElsewhere.test(path))
        return { reachable: true, status: 404, body: { title: 'No key is . or ..' }, etag: null }
      const { instances, eachMs } = services[service]
      const request = (): RequestInit => ({
        method,
        redirect: 'error',
        signal: signal ?? AbortSignal.timeout(eachMs),
        headers: {
          ...(authorization !== undefined && { authorization }),
          ...(operator !== undefined && { 'x-operator': operator }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      return instances.ask(
        method,
        (address) => answerOf(address, path, request()),
        (answer) => (answer.reachable ? undefined : { neverArrived: answer.neverArrived ?? false }),
      )
    },
  }
}

async function answerOf(address: string, path: string, request: RequestInit): Promise<Answer> {
  try {
    const answer = await fetch(`${address}${path}`, request)
    const text = await boundedText(answer.body, longestAnswer)
    if (text === undefined) return { reachable: false, why: `more than ${longestAnswer} bytes` }
    const isJson = /^application\/([\w.-]+\+)?json\b/.test(answer.headers.get('content-type') ?? '')
    const { status, headers } = answer
    return { reachable: true, status, body: isJson ? JSON.parse(text) : text, etag: headers.get('etag'), address }
  } catch (error) {
    return { reachable: false, why: whyNot(error as Error), neverArrived: neverArrived(error) }
  }
}

/** Of a fetch that failed, its cause tells: a connection that was refused, a certificate that nobody trusts. */
function whyNot({ name, message, cause }: Error): string {
  if (name === 'TimeoutError') return 'not in time'
  const { code, message: reason = message } = Object(cause) as { code?: string; message?: string }
  return code ?? reason
}
