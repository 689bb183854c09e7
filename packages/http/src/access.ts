// Who may speak to a service that has no authentication. Programs of this machine may, and pages that are known. A page of
// somebody else's, open in a browser here, may not: neither under a name that its owner made lead here (DNS rebinding,
// 421), nor by a write that the browser sends for it (403).
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { Problem } from '@inorder/contracts/problems.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { sendProblem } from './errors.ts'
import { countOf } from './header-text.ts'
import { isLoopback } from './loopback.ts'

export interface Access {
  HOST: string
  ALLOWED_HOSTS?: string
  ALLOWED_ORIGINS?: string
  /** Also off loopback, with neither of these set: for what browsers are signed in to by a cookie. */
  checksOrigins?: boolean
  /** Requests a second; 0: any number. */
  RATE_LIMIT?: number
  MAX_CONNECTIONS?: number
}

const loopbackNames = ['127.0.0.1', 'localhost', '[::1]']
const authority = /^(?<name>\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(?::(?<port>\d*))?$/i
const safe = ['GET', 'HEAD', 'OPTIONS']
/** Whoever sends another name each time does not fill the memory. */
const mostRemembered = 100

export function checkAccess(app: Pick<FastifyInstance, 'addHook'>, access: Access): void {
  const hosts = listed(access.ALLOWED_HOSTS)
  const origins = listed(access.ALLOWED_ORIGINS)
  const isLocal = isLoopback(access.HOST)
  const checksHosts = isLocal || hosts.length > 0
  const checksOrigins = access.checksOrigins || checksHosts || origins.length > 0
  const names = new Set([...loopbackNames, access.HOST.toLowerCase(), ...hosts])
  /** Host headers that were found good: nearly every request has the same one. */
  const good = new Set<string>()

  function hostFault(message: IncomingMessage): Problem | undefined {
    const { host } = message.headers
    if (countOf(message, 'host') > 1) return malformed('two Host headers')
    // HTTP/1.0 has none, and no browser speaks that.
    if (host === undefined) return message.httpVersion === '1.0' ? undefined : malformed('no Host header')
    const inTarget = message.url?.match(/^https?:\/\/([^/?#]*)/i)?.[1]
    if (inTarget === undefined && good.has(host)) return undefined
    const fault = nameFault(host) ?? (inTarget === undefined ? undefined : nameFault(inTarget))
    if (!fault && good.size < mostRemembered) good.add(host)
    return fault
  }

  function nameFault(host: string): Problem | undefined {
    const { name, port } = authority.exec(host)?.groups ?? {}
    if (!name || Number(port ?? 0) > 65_535) return malformed('a Host that is no name with a port')
    if (!checksHosts || names.has(name.toLowerCase()) || names.has(host.toLowerCase())) return undefined
    // Off loopback it may have any address, by which replicas are scraped; nobody can make an address lead somewhere else.
    if (!isLocal && isIP(name.replace(/^\[|\]$/g, ''))) return undefined
    return new Problem(
      'misdirected-request',
      'The service does not answer under the name in Host. Who runs it lists further names in ALLOWED_HOSTS.',
    )
  }

  function originFault(request: FastifyRequest): Problem | undefined {
    if (!checksOrigins || safe.includes(request.method)) return undefined
    const { origin, 'sec-fetch-site': site } = request.headers
    if (site !== 'cross-site' && (origin === undefined || isKnown(origin, request))) return undefined
    return new Problem(
      'foreign-origin',
      'A page of another origin sent this, and nothing was changed. Who runs the service lists known ones in ALLOWED_ORIGINS.',
    )
  }

  const isKnown = (origin: string, { protocol, host }: FastifyRequest) =>
    origin === `${protocol}://${host}`.toLowerCase() || origins.includes(origin.toLowerCase())

  app.addHook('onRequest', (request, reply, done) => {
    const fault = hostFault(request.raw) ?? originFault(request)
    if (fault) sendProblem(fault, request, reply)
    else done()
  })
}

const listed = (setting = ''): string[] => setting.toLowerCase().split(',').filter(Boolean)

const malformed = (what: string) => new Problem('malformed-http', `The request has ${what}.`)
