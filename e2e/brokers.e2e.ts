// A cluster, as `npm start -- --brokers 3` runs it: one broker may be lost, two are an outage.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { after, before, suite, test } from 'node:test'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import type { Finding } from '@inorder/stack/doctor/finding.ts'
import { cleanEnvironment, type Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { Admin, ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from '@platformatic/kafka'
import { assertArrived } from './arrival.ts'
import { type Answer, assertProblem } from './http.ts'
import { Load } from './load.ts'
import { cartAndOrder, sharedStack } from './shared-stack.ts'
import { Shop } from './shop.ts'
import { root } from './starter.ts'

const brokers = ['kafka-1', 'kafka-2', 'kafka-3']
const topics = ['order-events', 'order-events.parked', '__consumer_offsets']
const minInSync = 'min.insync.replicas'

/** What a program sees that runs it. */
async function doctor({ data }: Stack): Promise<{ code: unknown; notRight: Finding[] }> {
  const env = { ...cleanEnvironment(), INORDER_DATA: data }
  const child = spawn('npm', ['run', '--silent', 'doctor', '--', '--json'], { cwd: root, env })
  const ended = once(child, 'exit')
  const { findings } = (await json(child.stdout)) as { findings: Finding[] }
  const [code] = await ended
  return { code, notRight: findings.filter(({ verdict }) => verdict !== 'right') }
}

suite('three brokers', () => {
  let stack: Stack
  let shop: Shop
  let admin: Admin
  /** Killed, and what the starter launched in its place stopped before it could listen. */
  const down: string[] = []
  /** Orders of all tests. */
  const changed = new Map<string, string[]>()
  before(async () => {
    stack = await sharedStack({ args: ['--brokers', '3'], env: cartAndOrder })
    shop = new Shop(stack)
    admin = new Admin({ clientId: 'e2e', bootstrapBrokers: stack.address('kafka').split(',') })
  })
  after(() => admin?.close())

  const create = async (prefix: string, headers: Record<string, string> = {}): Promise<Answer> => {
    const orderId = `${prefix}-${changed.size}`
    const answer = await shop.create(orderId, headers)
    if (answer.status < 300) changed.set(orderId, ['new'])
    return answer
  }
  const strict = { prefer: 'handling=strict' }

  async function keepDown(broker: string): Promise<void> {
    await stack.replaced(broker)
    stack.freeze(broker)
    down.push(broker)
  }
  const activeController = (): string => {
    const running = brokers.find((broker) => !down.includes(broker)) ?? assert.fail('no broker runs')
    const state = readFileSync(join(stack.data, running, 'log/__cluster_metadata-0/quorum-state'), 'utf8')
    return `kafka-${JSON.parse(state).leaderId}`
  }
  /** However slow the machine is, an answer that does not wait is there long before this. */
  const toWait = { prefer: 'wait=20' }

  /** 202 at once, also when asked to wait; strict is refused. */
  async function isUnavailable(prefix: string): Promise<void> {
    await until('orders are 202 at once', async () => {
      const answer = await create(prefix, toWait)
      return answer.status === 202 && answer.ms < 5_000
    })
    for (let n = 0; n < 20; n++) {
      const answer = await create(prefix, toWait)
      assert.deepEqual([answer.status, answer.headers['event-delivery']], [202, 'pending'])
      assert.ok(answer.ms < 10_000, `${answer.ms} ms`)
    }
    assertProblem(await create(prefix, strict), 503, 'kafka-away')
  }
  const wantInSync = (value: string) => {
    const configs = [{ name: minInSync, configOperation: IncrementalAlterConfigOperationTypes.SET, value }]
    const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: 'order-events', configs }
    return admin.incrementalAlterConfigs({ resources: [resource] })
  }
  const isBack = (prefix: string) => until('orders are 201', async () => (await create(prefix)).status === 201)

  test('every topic is on all three brokers, and wants two of them in sync; the internal ones too', async () => {
    // The first may be 202: the cart has only now met the brokers.
    await isBack('first')
    const resourceType = ConfigResourceTypes.TOPIC
    const resources = topics.map((resourceName) => ({ resourceType, resourceName, configurationKeys: [minInSync] }))
    for (const { resourceName, configs } of await admin.describeConfigs({ resources }))
      assert.equal(configs[0]?.value, '2', resourceName)
    for (const broker of brokers)
      for (const topic of topics)
        assert.ok(existsSync(join(stack.data, broker, 'log', `${topic}-0`)), `${topic} on ${broker}`)
    const all = stack.address('kafka').split(',')
    const one = new KafkaAdmin({ brokers: all.slice(0, 1), clientId: 'e2e' })
    assert.deepEqual((await one.brokers(10_000)).sort(), all.sort(), 'as the one knows them that is asked')
    await one.close()
  })

  test('npm run doctor finds nothing wrong; min.insync.replicas=1 it names, with the command that mends it', async () => {
    // On a busy machine an answer may be late, which is not known instead of right.
    await until('all is right', async () => {
      const { code, notRight } = await doctor(stack)
      for (const { id, verdict } of notRight) assert.equal(verdict, 'unknown', id)
      return code === 0
    })
    await wantInSync('1')
    const mend = `kafka-configs.sh --bootstrap-server ${stack.address('kafka')} --alter --topic order-events --add-config ${minInSync}=2`
    await until('it names it', async () => {
      const { code, notRight } = await doctor(stack)
      return code === 1 && notRight.length === 1 && notRight[0]?.id === 'topic-min-insync' && notRight[0].mend === mend
    })
    await wantInSync('2')
  })

  test('npm run doctor names a service that hangs, its process and its log', async () => {
    const pid = stack.pid('order')
    stack.freeze('order')
    const { code, notRight } = await doctor(stack).finally(() => stack.thaw('order'))
    const hung = notRight.filter(({ id }) => id === 'service-answers')
    assert.deepEqual([code, hung.map(({ about }) => about)], [1, ['order']])
    assert.match(hung[0]?.found ?? '', new RegExp(`its process is ${pid}$`))
    assert.ok(hung[0]?.mend?.includes(join(stack.data, 'logs/order.log')), hung[0]?.mend)
  })

  test('the broker that is the controller is killed amid load: orders are 201 within seconds, without it', async (t) => {
    const load = new Load(shop, 'one-down')
    await load.more(300)
    const begun = performance.now()
    await keepDown(activeController())
    await until('it is noticed', async () => (await create('noticed', { prefer: 'wait=1' })).status === 202)
    await isBack('one-down')
    const took = performance.now() - begun
    t.diagnostic(`201 again ${(took / 1000).toFixed(1)} s after the kill`)
    assert.ok(took < 30_000, `${took} ms`)
    await load.more(300)
    assert.equal(load.refused + load.unknown, 0, 'refused, or not answered')
    await load.arrives(stack)
  })

  test('fewer replicas in sync than the topic wants: Kafka counts as away, until there are enough', async () => {
    await wantInSync('3')
    await isUnavailable('too-few')
    await wantInSync('2')
    await isBack('enough')
    await assertArrived(stack, shop, changed)
  })

  test('a second broker is killed: orders are stored, 202 at once; all arrive when both are back', async () => {
    await keepDown(brokers.find((broker) => !down.includes(broker)) ?? assert.fail('no broker runs'))
    await isUnavailable('two-down')
    for (const broker of down.splice(0)) stack.thaw(broker)
    await isBack('both-back')
    await assertArrived(stack, shop, changed)
  })
})
