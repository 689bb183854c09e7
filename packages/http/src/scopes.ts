// Which scope a call needs: by its method and path alone, so that no new route is open because somebody forgot it.
export const scopes = ['orders:read', 'orders:write', 'operate'] as const
export type Scope = (typeof scopes)[number]

/** Answered to anybody: they say how the service is and what it takes, and nothing of any order. */
const open = /^\/(health|metrics|docs|openapi\.json|asyncapi(\.json)?|problems|sign-in|static)(\/|$)/
/** By which somebody becomes known, or nobody again. */
const openWrites = ['POST /sign-in', 'POST /sign-out']

/** What the console asks of a service for its user: that service asks for the scope that it takes. */
const forwarded = 'POST /do/:operation'

const ordersWrite = new Set([
  'POST /create-order',
  'PUT /update-order',
  // What the services ask of a sandbox.
  ...['charges', 'refunds', 'labels', 'cancellations', 'recalls'].map((action) => `POST /${action}`),
])

/** `path` as the route has it: `/orders/:orderId`. A write that is not named here needs the most. */
export function scopeOf(method: string, path: string): Scope | 'open' {
  const reads = method === 'GET' || method === 'HEAD'
  const call = `${method} ${path}`
  if (reads ? open.test(path) : openWrites.includes(call)) return 'open'
  if (reads || call === forwarded) return 'orders:read'
  return ordersWrite.has(call) ? 'orders:write' : 'operate'
}
