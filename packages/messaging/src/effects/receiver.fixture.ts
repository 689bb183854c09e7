// A receiver of slow calls, as a process of its own: it does what it is asked for once per idempotency key, and gives
// the same answer to each repeat. `PUT /holding` true: it does what is asked, but does not answer until it is false.
import { createServer, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'

const done: string[] = []
let calls = 0
let holding = false
let held: ServerResponse[] = []

const server = createServer(async (request, response) => {
  if (request.url === '/holding') {
    holding = (await text(request)) === 'true'
    if (!holding) for (const waiting of held.splice(0)) waiting.end('late')
    response.end()
  } else if (request.url === '/calls') {
    const key = request.headers['idempotency-key'] as string
    calls++
    if (!done.includes(key)) done.push(key)
    if (holding) held = [...held, response]
    else response.end(`call ${done.indexOf(key)}`)
  } else {
    response.end(JSON.stringify({ done, calls }))
  }
})
server.listen(0, '127.0.0.1', () => console.log((server.address() as { port: number }).port))
