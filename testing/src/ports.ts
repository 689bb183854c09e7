// Ports for test stacks. Offsets of 10,000 and more stay clear of a developer's running stack, above the ports that fetch
// refuses to ask (the last is 10080), and below the range from which the system takes ports for outgoing connections.
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** Every port of the default stack that INORDER_PORT_OFFSET moves. */
const stackPorts = [
  ...[3000, 3001, 3002, 3003, 3004, 3005, 3006, 3007],
  // Second instances.
  ...[3101, 3102, 3103, 3104, 3105],
  ...[5433, 8081, 8082, 9092, 9093, 9094, 9095, 9096, 9097],
]

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })

/** A port of 127.0.0.1 that nobody listens at now. */
export async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  await new Promise((resolve) => listener.close(resolve))
  return port
}

/** An INORDER_PORT_OFFSET with which no port of a stack is taken now. */
export async function freePortOffset(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const offset = 10_000 + randomInt(620) * 20
    const free = await Promise.all(stackPorts.map((port) => isFree(port + offset)))
    if (free.every(Boolean)) return offset
  }
  throw new Error('no free block of ports between 13,000 and 31,500')
}
