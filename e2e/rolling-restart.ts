// `npm run test:restart`: two of each service behind haproxy, each restarted in its turn, while 64 clients write orders and
// read them from every service. No answer may be lost, and no connection refused. Not part of `npm test`: it needs haproxy,
// and takes minutes.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startStack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { type Balancer, startBalancer } from './haproxy.ts'
import { type Answer, NoAnswer, send } from './http.ts'

const clients = 64
/** Some times what haproxy needs to see that an instance is not ready. */
const drainMs = process.env.DRAIN_MS ?? '2000'
const reads: Record<string, (orderId: string) => string> = {
  cart: (orderId) => `/orders/${orderId}`,
  order: (orderId) => `/order-details?orderId=${orderId}&minVersion=1&wait=10`,
  inventory: (orderId) => `/reservations/${orderId}`,
  billing: (orderId) => `/invoices/${orderId}`,
  shipping: (orderId) => `/shipments/${orderId}`,
}
const services = Object.keys(reads)

const folder = mkdtempSync(join(tmpdir(), 'inorder-restart-'))
const begun = performance.now()
const say = (line: string) => console.log(`${((performance.now() - begun) / 1000).toFixed(0).padStart(5)} s  ${line}`)
const stack = await startStack({ args: ['--instances', '2'], env: { DRAIN_MS: drainMs, LOG_LEVEL: 'warn' } })
let balancer: Balancer | undefined
/** By service and status, how many; `lost`: no answer, or one of haproxy's own. */
const counts = new Map<string, number>()
let lost = 0

try {
  const instances = (service: string) =>
    Object.fromEntries([service, `${service}-2`].map((name) => [name, stack.address(name)]))
  balancer = await startBalancer(folder, Object.fromEntries(services.map((name) => [name, instances(name)])))
  say(`two of each service behind haproxy ${balancer.version}, DRAIN_MS=${drainMs}`)

  const { url, isUp } = balancer
  let stopping = false
  const load = Array.from({ length: clients }, async (_, client) => {
    for (let n = 0; !stopping; n++) {
      const orderId = `r-${client}-${n}`
      await ask('cart', `${url('cart')}/create-order`, { method: 'POST', body: { orderId, itemsNum: 2 } })
      const reader = services[n % services.length]!
      await ask(reader, url(reader) + reads[reader]!(orderId))
    }
  })
  for (const name of services.flatMap((service) => [service, `${service}-2`])) {
    const pid = stack.kill(name, 'SIGTERM')
    await until(`${name} is started again`, () => stack.parts().some((part) => part.name === name && part.pid !== pid))
    await until(`haproxy has ${name} again`, () => isUp(name))
    say(`${name} was restarted; ${total()} answers, ${lost} lost`)
  }
  stopping = true
  await Promise.all(load)
} finally {
  await balancer?.stop()
  await stack.stop()
  rmSync(folder, { recursive: true, force: true })
}
for (const [what, count] of [...counts].sort()) say(`${what}: ${count}`)
say(`${total()} answers, ${lost} lost`)
process.exit(lost === 0 ? 0 : 1)

async function ask(service: string, address: string, request = {}): Promise<void> {
  try {
    const answer = await send(address, request)
    const [, problem = ''] = /"type":"\/problems\/([\w-]+)"/.exec(answer.text) ?? []
    count(`${service} ${answer.status} ${problem}`)
    if (!isOurs(answer)) lose(`${service}: ${answer.status} ${answer.text.slice(0, 200)}`)
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    lose(`${service}: ${error.message}`)
  }
}

function lose(what: string): void {
  if (lost++ < 10) say(`lost: ${what}`)
}

/** An answer of the service, not one that haproxy made in its place. */
function isOurs({ headers }: Answer): boolean {
  return headers['x-request-id'] !== undefined
}

function count(what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1)
}

function total(): number {
  return [...counts.values()].reduce((sum, n) => sum + n, 0)
}
