import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

export const requestIdHeader = 'x-request-id'
const pattern = /^[\w.:/+=-]{1,128}$/

/** The id that a request came with, or one made for it. One that is made, or replaced, stands in its headers from then on. */
export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers[requestIdHeader]
  // Node joins two such headers with a comma, which no id has.
  if (typeof given === 'string' && pattern.test(given)) return given
  const made = randomUUID()
  headers[requestIdHeader] = made
  return made
}
