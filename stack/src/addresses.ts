// Every port of the local stack, in one place.
import { createServer } from 'node:net'
import { StartFailure } from './failure.ts'

export const host = '127.0.0.1'

/** Kafka's are those of the first broker; the second's are one higher, and so on. */
export const ports = { postgres: 5433, kafka: 9092, controller: 9095, registry: 8081, registryManagement: 8082 }

/** From 3000 on, those that fetch refuses to ask, in Node as in browsers ("bad port" of the Fetch standard). */
export const badPorts = [3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10_080]

/** `needed` are asked over HTTP. */
export function assertAskable(needed: { port: number; for: string }[], offset: number): void {
  const badBy = (by: number) => needed.find(({ port }) => badPorts.includes(port + by))
  const bad = badBy(0)
  if (!bad) return
  let by = 10
  while (badBy(by)) by += 10
  throw new StartFailure(
    `port ${bad.port} (${bad.for}) is one that browsers and Node refuse to ask ("bad port"): start with INORDER_PORT_OFFSET=${offset + by}`,
  )
}

/** Takes and frees each port once, so that a stack says at once what is in its way, not half started. */
export async function assertFree(needed: { port: number; for: string }[]): Promise<void> {
  for (const { port, for: what } of needed) {
    const problem = await new Promise<string | undefined>((resolve) => {
      const server = createServer()
      server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)))
    })
    if (problem === 'EADDRINUSE') {
      throw new StartFailure(
        `port ${port} (${what}) is taken by another program: end it, or start with INORDER_PORT_OFFSET=1000 to move every port`,
      )
    }
    if (problem) throw new StartFailure(`port ${port} (${what}) cannot be used: ${problem}`)
  }
}
