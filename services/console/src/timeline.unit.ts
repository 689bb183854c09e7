import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceName } from '@inorder/contracts/service-names.ts'
import { Timeline } from '@inorder/contracts/timeline.ts'
import { shapeOf, validatorCompiler } from '@inorder/http/validation.ts'
import fastify from 'fastify'
import { effect, parked, row, time } from './facts.fixture.ts'
import type { Answer, Services } from './services.ts'
import { timelineOf, timelineRoutes } from './timeline.ts'

const ok = (body: unknown, etag: string | null = null): Answer => ({ reachable: true, status: 200, body, etag })
const notFound: Answer = { reachable: true, status: 404, body: {}, etag: null }
const silent: Answer = { reachable: false, why: 'ECONNREFUSED' }
const version = {
  ...{ version: 1, status: 'new', previousStatus: null, occurredAt: time, appliedAt: time },
  ...{ eventId: '7b0c8f0e-5a1e-4c55-9d5f-0f3a5a1c2b11', traceId: null, actor: null },
}

/** What the services answer, by the beginning of the path; all else is not found. */
const answering = (answers: { [Name in ServiceName]?: Record<string, Answer> | Answer }): Services => ({
  async ask(_caller, service, path) {
    const of = answers[service] ?? {}
    if ('reachable' in of) return of as Answer
    return Object.entries(of).find(([beginning]) => path.startsWith(beginning))?.[1] ?? notFound
  },
})
const ofOrder = (services: Services) => timelineOf({ ask: (service, path) => services.ask({}, service, path) }, 'o-1')

const inOrder = {
  '/ops/keys/o-1': ok({ appliedVersion: 1, appliedAt: time, events: [parked()], effects: [effect()] }),
  '/order-details?orderId=o-1': ok({ status: 'new' }, '"1"'),
  '/orders/o-1/versions': ok({ items: [version], next: null }),
}
const inCart = { '/orders/o-1': ok({ status: 'new' }, '"2"'), '/ops/outbox/o-1': ok({ events: [row()] }) }

test('what the services tell is put together as its schema says, over HTTP too', async () => {
  const services = answering({ cart: inCart, order: inOrder, billing: silent })
  const timeline = await ofOrder(services)
  const isTimeline = shapeOf(Timeline)
  assert.ok(isTimeline(timeline), JSON.stringify(isTimeline.errors))
  assert.deepEqual(
    Object.entries(timeline.services).map(([name, { reachable, appliedVersion, status }]) => [
      name,
      reachable,
      appliedVersion,
      status,
    ]),
    [
      ['cart', true, 2, 'new'],
      ['order', true, 1, 'new'],
      ['inventory', true, null, null],
      ['billing', false, null, null],
      ['shipping', true, null, null],
    ],
  )
  assert.deepEqual(timeline.services.order?.parked, [parked()])
  assert.deepEqual([timeline.versions, timeline.outbox], [[version], [row()]])
  const app = fastify().setValidatorCompiler(validatorCompiler)
  await app.register(timelineRoutes(services))
  assert.deepEqual((await app.inject('/timeline/o-1')).json(), timeline)
})

test('nobody knows an order only if all have answered', async () => {
  assert.equal(await ofOrder(answering({})), undefined)
  const { verdict } = (await ofOrder(answering({ inventory: silent }))) ?? assert.fail()
  assert.deepEqual([verdict.state, verdict.cause, verdict.service], ['unknown', 'service-unreachable', 'inventory'])
  assert.match(verdict.sentence, /inventory does not answer \(ECONNREFUSED\)/)
  assert.ok(await ofOrder(answering({ shipping: { '/ops/keys': ok({ appliedVersion: 0, events: [], effects: [] }) } })))
})

test('a problem is no answer, and is told', async () => {
  const down: Answer = { reachable: true, status: 503, body: { title: 'The database is away' }, etag: null }
  const { verdict, services } = (await ofOrder(answering({ cart: inCart, shipping: down }))) ?? assert.fail()
  assert.equal(services.shipping?.reachable, false)
  assert.equal(verdict.cause, 'outbox-pending', 'which counts before what is not known')
  const alone = (await ofOrder(answering({ shipping: down }))) ?? assert.fail()
  assert.match(alone.verdict.sentence, /shipping answers 503: The database is away/)
})

test('an order that the cart holds, and that nobody can read, is told of', async () => {
  const hold = { key: 'o-1', version: 0, cause: 'undecodable', detail: 'garbage', since: time }
  const held: Answer = { reachable: true, status: 503, body: { title: 'The order is held' }, etag: null }
  const cart = { '/orders/o-1': held, '/ops/held': ok({ items: [hold], next: null }) }
  const { verdict } = (await ofOrder(answering({ cart }))) ?? assert.fail()
  assert.deepEqual([verdict.state, verdict.cause, verdict.service], ['held', 'undecodable', 'cart'])
})

test('of an order of more than 1,000 versions the newest are told', async () => {
  const asked: string[] = []
  const order = {
    ...inOrder,
    '/order-details?orderId=o-1': ok({ status: 'new' }, '"2500"'),
    '/orders/o-1/versions': ok({ items: [version], next: '1000' }),
  }
  const services = answering({ cart: inCart, order })
  await timelineOf(
    {
      ask(service, path) {
        asked.push(path)
        return services.ask({}, service, path)
      },
    },
    'o-1',
  )
  assert.ok(asked.includes('/orders/o-1/versions?limit=1000&after=1500'), asked.join(' '))
})

test('what another program wrote is known by what the cart has once the others have answered', async () => {
  const inCart = {
    '/orders/o-1': ok({ status: 'new' }, '"1"'),
    '/ops/keys/o-1': ok({ appliedVersion: 2, eventId: 'e-2', status: 'paid' }),
  }
  const state = { appliedAt: time, events: [], effects: [] }
  const told = (appliedVersion: number, eventId: string | null) => ({
    '/ops/keys/o-1': ok({ ...state, appliedVersion, eventId }),
  })
  const others = { inventory: told(2, 'e-2'), billing: told(2, 'e-2'), shipping: told(2, 'e-2') }
  const stands = async (order: Record<string, Answer>) => {
    const { verdict, services } = (await ofOrder(answering({ cart: inCart, order, ...others }))) ?? assert.fail()
    return [verdict.cause, services.order?.skipped]
  }
  assert.deepEqual(await stands(told(2, 'e-2')), ['in-flight', undefined], 'it was asked before, when it had version 1')
  assert.deepEqual(await stands(told(2, 'e-3')), ['differs-from-cart', undefined])
  assert.deepEqual(await stands(told(3, null)), ['differs-from-cart', [{ from: 3, to: 3 }]])
  const history = ok({ items: [version, { ...version, version: 3 }], next: null })
  assert.deepEqual(await stands({ ...told(3, 'e-3'), '/orders/o-1/versions': history }), [
    'differs-from-cart',
    [{ from: 2, to: 2 }],
  ])
})

test('of what cannot be read the first bytes are told to whoever may see them', async () => {
  const told = async (bytes: string | null) => {
    const record = ok({ key: 'o-1', appliedVersion: 1, events: [{ ...parked(), bytes }] })
    const order = { ...inOrder, '/ops/parked/o-1': record }
    const { verdict } =
      (await ofOrder(answering({ cart: { '/orders/o-1': ok({ status: 'new' }, '"1"') }, order }))) ?? assert.fail()
    return verdict.next[0]?.explains ?? ''
  }
  assert.match(
    await told(Buffer.from('gar\n"<b>').toString('base64')),
    /It begins with 67 61 72 0a 22 3c 62 3e \("gar\."<b>"\)\./,
  )
  assert.doesNotMatch(await told(null), /begins with/)
})
