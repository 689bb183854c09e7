// Where the console and the services are.
import { consumers, type ServiceName as Service, serviceNames as services } from '@inorder/contracts/service-names.ts'
import { isLoopback } from '@inorder/http/loopback.ts'
import { Failure } from './failure.ts'

export { consumers, type Service, services }
export type Where = 'console' | Service
/** Of each its instances, the first first. */
export type Addresses = Readonly<Record<Where, readonly [first: string, ...others: string[]]>>

const firstPort = 3000
const localHost = 'http://127.0.0.1'
const mostInstances = 5

/** `url` is the console's, and the services' ports follow it; else each has a setting, and else is the local stack's. */
export function addressesOf(env: NodeJS.ProcessEnv, url?: string): Addresses {
  const base = url === undefined ? new URL(localHost) : originOf('--url', url)
  // Not of the URL, which knows no 443 behind https.
  const given = /:(\d+)\/?$/.exec(url ?? '')?.[1]
  const port = given === undefined ? firstPort + readOffset(env.INORDER_PORT_OFFSET) : Number(given)
  const all = (['console', ...services] as const).map((where, n) => {
    const setting = `${where.toUpperCase()}_URL`
    const own = url === undefined ? env[setting] : undefined
    if (own) return [where, own.split(',').map((one) => originOf(setting, one).origin)]
    // Those of `npm start`, which are on this machine: instance n listens 100(n-1) ports higher.
    const amount = where !== 'console' && isLoopback(base.hostname) ? mostInstances : 1
    const ports = Array.from({ length: amount }, (_, instance) => port + n + 100 * instance)
    return [where, ports.map((port) => `${base.protocol}//${base.hostname}:${port}`)]
  })
  return Object.fromEntries(all) as Addresses
}

function originOf(setting: string, value: string): URL {
  const url = URL.parse(value)
  const isOrigin = url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.username
  if (!isOrigin) throw new Failure(`${setting} is no address such as http://127.0.0.1:3000, without a path`)
  return url
}

function readOffset(value: string | undefined): number {
  if (!value) return 0
  if (!/^\d{1,5}$/.test(value) || Number(value) > 50_000)
    throw new Failure('INORDER_PORT_OFFSET is no whole number from 0 to 50000')
  return Number(value)
}
