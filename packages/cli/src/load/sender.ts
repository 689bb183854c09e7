// The cart's calls with little of this machine's processor: node:http over connections that are kept open.
import http from 'node:http'
import https from 'node:https'

const deadlineMs = 30_000

/** Resolves with the status; 0: there was no answer. */
export type CartCall = (method: 'POST' | 'PUT', path: string, body: object) => Promise<number>

export function cartCalls(address: string, authorization: string | undefined, connections: number): CartCall {
  const { hostname, port, protocol } = new URL(address)
  const { Agent, request } = protocol === 'https:' ? https : http
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  return (method, path, body) => {
    const text = JSON.stringify(body)
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      ...(authorization !== undefined && { authorization }),
    }
    return new Promise((resolve) => {
      const call = request({ agent, protocol, hostname: hostname.replace(/^\[|\]$/g, ''), port, method, path, headers })
      call.setTimeout(deadlineMs, () => call.destroy())
      call.on('error', () => resolve(0))
      call.on('response', (answer) => {
        answer.on('error', () => resolve(0))
        answer.on('end', () => resolve(answer.statusCode ?? 0))
        answer.resume()
      })
      call.end(text)
    })
  }
}
