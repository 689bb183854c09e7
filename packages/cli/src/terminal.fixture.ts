// A terminal that is none, and services that answer what a test wants.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable, Writable } from 'node:stream'
import type { TestContext } from 'node:test'
import type { Terminal } from './context.ts'
import { run } from './program.ts'

interface Ran {
  code: number
  out: string
  err: string
}

/** `inorder` with these arguments, where nobody can be asked anything. */
export async function inorder(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  { stdin = '', signal = new AbortController().signal } = {},
): Promise<Ran> {
  const written = { out: '', err: '' }
  const sink = (name: 'out' | 'err') =>
    new Writable({
      write(piece, _, done) {
        written[name] += piece
        done()
      },
    })
  const terminal = {
    env,
    stdin: Readable.from([Buffer.from(stdin)]),
    stdout: sink('out'),
    stderr: sink('err'),
    signal,
  }
  const code = await run(args, terminal as unknown as Terminal)
  return { code, ...written }
}

export interface Asked {
  method: string
  url: string
  headers: IncomingMessage['headers']
  body: string
}

type Reply = { status?: number; headers?: Record<string, string>; body: unknown } | 'nothing' | 'never'

/** One server that stands in for the console and every service. */
export async function answering(t: TestContext, reply: (asked: Asked) => Reply) {
  const asked: Asked[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece)
    const { method = '', url = '', headers } = request
    asked.push({ method, url, headers, body: Buffer.concat(pieces).toString() })
    const given = reply(asked.at(-1)!)
    if (given === 'never') return
    if (given === 'nothing') return request.socket.destroy()
    const { status = 200, body } = given
    const type = status >= 400 ? 'application/problem+json' : 'application/json'
    response.writeHead(status, { 'content-type': type, ...given.headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }
  const server = createServer((request, response) => void answer(request, response))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const names = ['CONSOLE', 'CART', 'ORDER', 'INVENTORY', 'BILLING', 'SHIPPING']
  return {
    asked,
    url,
    env: Object.fromEntries(names.map((name) => [`${name}_URL`, url])),
  }
}
