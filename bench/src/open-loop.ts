// Arrivals that do not wait for answers: each request is due at its time, and its latency counts from then, however late it
// was sent. Kept small to take little of the machine: plain sockets, one request under way on each.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { orderBody } from './load.ts'

export interface Answer {
  /** Milliseconds since the start: when the request was due, and when its answer was there. */
  due: number
  at: number
  /** 0: none, since the connection broke, or there was none left to open. */
  status: number
}

interface Arrivals {
  /** Infinity: as soon as a connection is free. */
  perSecond: number
  seconds: number
  /** Connections at most. */
  connections: number
}

const endOfHead = Buffer.from('\r\n\r\n')
/** After the last arrival; the service answers within its own limits. */
const longestWaitMs = 5_000

/** Creates orders; resolves with all answers once the last is there. */
export async function createOpenLoop(url: string, prefix: string, arrivals: Arrivals): Promise<Answer[]> {
  const { perSecond, seconds, connections } = arrivals
  const { hostname, port, host } = new URL(url)
  const answers: Answer[] = []
  const idle: Socket[] = []
  const sockets = new Set<Socket>()
  const underWay = new Map<Socket, { due: number; received: Buffer }>()
  const { promise, resolve } = Promise.withResolvers<Answer[]>()
  let begun = performance.now()
  const now = () => performance.now() - begun
  const end = seconds * 1_000
  let arrived = 0

  function send(due: number): void {
    const socket = idle.pop() ?? (sockets.size < connections ? open() : undefined)
    if (!socket) return void answers.push({ due, at: now(), status: 0 })
    underWay.set(socket, { due, received: empty })
    const body = orderBody(prefix, arrived)
    socket.write(
      `POST /create-order HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
  }

  function open(): Socket {
    const socket = connect(Number(port), hostname)
    sockets.add(socket.setNoDelay(true))
    socket.on('data', (bytes) => received(socket, bytes))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      answered(socket, 0)
      sockets.delete(socket)
      const at = idle.indexOf(socket)
      if (at >= 0) idle.splice(at, 1)
    })
    return socket
  }

  function received(socket: Socket, bytes: Buffer): void {
    const request = underWay.get(socket)
    if (!request) return
    request.received = request.received.length ? Buffer.concat([request.received, bytes]) : bytes
    const head = request.received.indexOf(endOfHead)
    if (head < 0) return
    const text = request.received.toString('latin1', 0, head)
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)
    if (request.received.length < head + endOfHead.length + length) return
    answered(socket, Number(text.slice(9, 12)))
    if (/connection: close/i.test(text)) socket.destroy()
    else idle.push(socket)
    if (perSecond === Number.POSITIVE_INFINITY) arrive()
  }

  function answered(socket: Socket, status: number): void {
    const request = underWay.get(socket)
    if (request) answers.push({ due: request.due, at: now(), status })
    underWay.delete(socket)
  }

  function arrive(): void {
    if (perSecond === Number.POSITIVE_INFINITY) {
      while (now() < end && underWay.size < connections) {
        arrived++
        send(now())
      }
      return
    }
    const due = () => (arrived * 1_000) / perSecond
    // What is due is sent in portions: sending may take longer than what is due meanwhile, and answers have to be read.
    for (let left = 100; left > 0 && due() <= now() && due() < end; left--) {
      send(due())
      arrived++
    }
  }

  if (perSecond !== Number.POSITIVE_INFINITY) {
    // A server takes one new connection in a turn of its event loop: what arrives in the first seconds would be that.
    for (let n = 0; n < connections; n += 200) {
      const some = Array.from({ length: Math.min(200, connections - n) }, open)
      await Promise.all(some.map((socket) => once(socket, 'connect')))
      idle.push(...some)
    }
    begun = performance.now()
  }
  const timer = setInterval(() => {
    arrive()
    if (now() < end || (underWay.size > 0 && now() < end + longestWaitMs)) return
    clearInterval(timer)
    for (const socket of sockets) socket.destroy()
    for (const { due } of underWay.values()) answers.push({ due, at: Number.POSITIVE_INFINITY, status: 0 })
    underWay.clear()
    resolve(answers)
  }, 1)
  return promise
}

const empty = Buffer.alloc(0)
