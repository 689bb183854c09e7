// `npm run test:containers`: the compose files on a real engine, as docs/deploy.md says, beside whatever runs there: in
// projects, a network, images and ports of their own. Not part of `npm test`, because it needs an engine and takes minutes.
//   consumer's side first -> producer's side -> the others -> an order through all five
//   -> kill -9 of a service, of a database -> two replicas -> (the engine restarted) -> down
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { Compose, findEngine, sides } from './engine.ts'
import { throughAll } from './order-through-all.ts'

/** A command that restarts the engine, where that may be done: `CONTAINERS_RESTART='systemctl restart docker'`. */
const restart = process.env.CONTAINERS_RESTART

const engine = await findEngine()
console.log(`engine ${engine.version}, ${engine.composeVersion}`)
const begun = performance.now()
const say = (line: string) => console.log(`${((performance.now() - begun) / 1000).toFixed(0).padStart(5)} s  ${line}`)
const compose = new Compose(engine)
let failure: unknown
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void end(new Error(`stopped by ${signal}`)))

try {
  for (const image of await compose.baseImages()) say(`image ${image}`)

  await compose.up('consumer')
  say('the consumer’s side is up, before there is a Kafka')
  await compose.up('producer', '--wait')
  say('the producer’s side is up, and healthy')
  for (const side of ['inventory', 'billing', 'shipping', 'console']) await compose.up(side)
  for (const side of sides) await compose.healthy(side)
  say('all sides are healthy')

  await throughAll('c-1')
  say('an order went through all five services')

  for (const [side, service] of [
    ['consumer', 'order'],
    ['billing', 'billing'],
    ['producer', 'cart'],
    ['consumer', 'order-database'],
    ['producer', 'cart-database'],
    ['producer', 'kafka'],
    ['producer', 'registry'],
  ] as const) {
    await compose.killed(side, service)
    await compose.healthy('producer')
    await compose.healthy(side)
    await throughAll(`c-${service}`)
    say(`${service}: killed with -9, started again by the engine, and an order went through`)
  }

  const charges = await charge('twice')
  await compose.killed('billing', 'payment')
  await compose.healthy('billing')
  assert.deepEqual(await charge('twice'), charges)
  say('payment: killed with -9, it charges a key once')

  await compose.up('consumer', '--no-build', '--scale', 'order=2')
  await compose.healthy('consumer')
  const names = await compose.groupInstanceIds('consumer', 'order')
  assert.equal(new Set(names).size, 2, `their names in the group: ${names}`)
  await throughAll('c-scaled')
  say(`two replicas of order: ${names.join(', ')}, and an order went through`)

  if (restart) {
    await engine.run('sh', ['-c', restart])
    await pause(1_000)
    for (const side of sides) await compose.healthy(side)
    await throughAll('c-restarted')
    say('the engine was restarted, everything came back by itself, and an order went through')
  } else say('the engine was not restarted: CONTAINERS_RESTART names no command for it')
} catch (error) {
  failure = error
}
await end(failure)

async function end(why: unknown): Promise<never> {
  if (why) {
    console.error(why)
    for (const side of sides) console.error(await compose.state(side).catch(String))
  }
  // Twice: the network goes with the side that made it, and only when no other side is on it any more.
  for (const side of [...sides, ...sides]) await compose.down(side).catch((error) => console.error(error))
  say(why ? 'failed; all is taken down' : 'all is taken down: passed')
  process.exit(why ? 1 : 0)
}

/** The answer of the sandbox for a charge under this key. */
async function charge(key: string): Promise<unknown> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key }
  const body = JSON.stringify({ orderId: 'c-1', amount: 1 })
  const answer = await fetch('http://127.0.0.1:33006/charges', { method: 'POST', headers, body })
  assert.equal(answer.status, 200)
  return answer.json()
}
