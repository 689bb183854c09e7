// A proxy before a broker on this machine that understands requests well enough to lose some of them. It puts its own
// port in the place of the broker's wherever an answer names it, so that a client stays on this side.
import { createServer, connect as dial, type Socket } from 'node:net'

/** `swallowed`: the broker never sees it. `unanswered`: the broker does what it says, the client never hears of it. */
export type Fate = 'through' | 'swallowed' | 'unanswered' | 'cut'

export interface KafkaProxy {
  /** `host:port` for a client. */
  address: string
  /** Asked for each request, which waits for the answer; replace it at will. */
  fate: (request: KafkaRequest) => Fate | Promise<Fate>
  close(): Promise<void>
}

export interface KafkaRequest {
  /** The protocol's number of the call: 0 is Produce, 2 ListOffsets, 3 Metadata. */
  call: number
  bytes: Buffer
}

export const produceCall = 0
export const listOffsetsCall = 2
export const metadataCall = 3

export async function kafkaProxy(broker: string): Promise<KafkaProxy> {
  const [host, port] = broker.split(':') as [string, string]
  const sockets = new Set<Socket>()
  const named = (p: number) => Buffer.concat([Buffer.from(host), Buffer.from([0, 0, p >> 8, p & 255])])
  const proxy: KafkaProxy = {
    address: '',
    fate: () => 'through',
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
  const server = createServer((client) => {
    const upstream = dial(Number(port), host)
    let deaf = false
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      // An error is always followed by `close`, which ends the other side.
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    const forward = async () => {
      let rest = Buffer.alloc(0)
      for await (const piece of client) {
        rest = Buffer.concat([rest, piece])
        while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
          const bytes = rest.subarray(0, 4 + rest.readUInt32BE(0))
          rest = rest.subarray(bytes.length)
          const fate = await proxy.fate({ call: bytes.readInt16BE(4), bytes })
          if (fate === 'cut') client.destroy()
          if (fate === 'unanswered') deaf = true
          if (fate === 'through' || fate === 'unanswered') upstream.write(bytes)
        }
      }
    }
    // A connection that fails ends the loop, as one that is closed does.
    forward().catch(() => client.destroy())
    upstream.on('data', (piece: Buffer) => {
      const from = named(Number(port))
      const to = named(Number(proxy.address.split(':')[1]))
      for (let at = piece.indexOf(from); at >= 0; at = piece.indexOf(from, at + to.length)) to.copy(piece, at)
      if (!deaf) client.write(piece)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  proxy.address = `${host}:${(server.address() as { port: number }).port}`
  return proxy
}
