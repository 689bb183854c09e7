// A TCP proxy between a service and a real part, for faults that a rig shared by all tests must not suffer itself.
import { createServer, connect as dial, type Socket } from 'node:net'

/**
 * What becomes of a piece that a client sends: `answer lost` lets it through and cuts when the part answers. Of a COMMIT
 * the answer is waited for, as PostgreSQL answers what travels before it first and would undo all if it were cut by then.
 */
export type Fate = 'through' | 'cut' | 'answer lost' | 'swallowed'

export interface TcpProxy {
  port: number
  /** Asked for each piece; replace it at will. */
  fate: (piece: Buffer) => Fate
  /** Cuts what is connected, and refuses what comes (`false`: lets it connect again). */
  refuse(on: boolean): void
  close(): Promise<void>
}

export async function tcpProxy(host: string, port: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let refusing = false
  const server = createServer((client) => {
    if (refusing) return client.destroy()
    const part = dial(port, host)
    let lost: string | undefined
    for (const [socket, other] of [
      [client, part],
      [part, client],
    ] as const) {
      sockets.add(socket)
      // An error is always followed by `close`, which ends the other side.
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    client.on('data', (piece: Buffer) => {
      const fate = proxy.fate(piece)
      if (fate === 'cut') client.destroy()
      if (fate === 'answer lost') lost = piece.includes('COMMIT') ? 'COMMIT' : ''
      if (fate === 'through' || fate === 'answer lost') part.write(piece)
    })
    part.on('data', (piece) => {
      if (lost === undefined) client.write(piece)
      else if (piece.includes(lost)) client.destroy()
    })
  })
  const proxy: TcpProxy = {
    port: 0,
    fate: () => 'through',
    refuse(on) {
      refusing = on
      if (on) for (const socket of sockets) socket.destroy()
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  proxy.port = (server.address() as { port: number }).port
  return proxy
}
