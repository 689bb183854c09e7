import autocannon from 'autocannon'

export interface Load {
  /** Answers of 201 a second. */
  perSecond: number
  /** Milliseconds. */
  p50: number
  p99: number
  created: number
  /** Answers that were not 201, by status, and requests without an answer. */
  other: number
}

/** One order of three lines; every call a new orderId. */
export function orderBody(prefix: string, n: number): string {
  return `{"orderId":"${prefix}-${n}","customerId":"c-${n % 1000}","items":[{"itemId":"pen","quantity":${1 + (n % 5)},"price":1.25},{"itemId":"paper","quantity":2,"price":4.9},{"itemId":"ink","quantity":1,"price":${10 + (n % 90)}.35}]}`
}

/** Creates orders over `connections` keep-alive connections: for `seconds`, or until `amount` were sent. */
export async function createOrders(
  url: string,
  prefix: string,
  size: { seconds: number } | { amount: number },
  connections = 64,
): Promise<Load> {
  let sent = 0
  const result = await autocannon({
    url,
    connections,
    ...('seconds' in size ? { duration: size.seconds } : { amount: size.amount }),
    requests: [
      {
        method: 'POST',
        path: '/create-order',
        headers: { 'content-type': 'application/json' },
        setupRequest: (request) => ({ ...request, body: orderBody(prefix, sent++) }),
      },
    ],
  })
  const created = result.statusCodeStats?.['201']?.count ?? 0
  return {
    perSecond: created / result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
    created,
    other: result.requests.total - created + result.errors,
  }
}
