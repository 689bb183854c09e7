import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VerdictCause, VerdictState } from '@inorder/contracts/timeline.ts'
import { effect, factsOf, history, parked, pause, row, time } from './facts.fixture.ts'
import type { Facts } from './facts.ts'
import { detailShown } from './verdict/wording.ts'
import { verdictOf } from './verdict.ts'

/** A version that has not come to billing. */
const behind = { appliedVersion: 1 }
const head = { parked: [parked()] }
const place = 'topic/3/17'
const withoutKafka = { ...behind, missing: ['kafka'] }
const foreignWaits = { parked: [parked({ state: 'waiting', cause: 'gap', version: 4 })] }
const conflict = { parked: [parked({ state: 'conflict', cause: 'conflict', version: 2 })] }

interface Case {
  facts: Facts
  is: [state: VerdictState, cause: VerdictCause, service: string | null]
  says: RegExp
  /** The commands, without `inorder`. */
  next?: string[]
}

const cases: Record<string, Case> = {
  'nothing is wrong': {
    facts: factsOf({ billing: { effects: [effect({ state: 'done', doneAt: time })] } }),
    is: ['fine', 'none', null],
    says: /^Every service has version 2 \(confirmed\), and has done its part\. It is not shipped yet: it ships when it is set to shipped\.$/,
  },
  'nothing is wrong, and it is new': {
    facts: factsOf({ cart: { status: 'new' }, order: { status: 'new' } }),
    is: ['fine', 'none', null],
    says: /not shipped yet: it ships when it is set to confirmed or paid, and then shipped\.$/,
  },
  'nothing is wrong, and the parcel is on its way': {
    facts: factsOf({ cart: { status: 'shipped' }, shipping: { status: 'dispatched' } }),
    is: ['fine', 'none', null],
    says: /has done its part\.$/,
  },
  'a version is on its way to two services': {
    facts: factsOf({ order: behind, billing: behind }),
    is: ['moving', 'in-flight', 'order'],
    says: /Version 2 is on its way to the order service and billing/,
    next: ['watch -- o-1'],
  },
  'a new order, which only the cart knows': {
    facts: factsOf({
      cart: { appliedVersion: 1 },
      ...Object.fromEntries(
        ['order', 'inventory', 'billing', 'shipping'].map((name) => [name, { appliedVersion: null, status: null }]),
      ),
    }),
    is: ['moving', 'in-flight', 'order'],
    says: /Version 1 is on its way to the order service, inventory, billing and shipping/,
  },
  'a charge is being made': {
    facts: factsOf({ billing: { effects: [effect({ state: 'running', cause: null, failingSince: null })] } }),
    is: ['moving', 'in-flight', 'billing'],
    says: /The charge of version 2 is being done by billing/,
  },
  'garbage: only a discard helps': {
    facts: factsOf({ order: head }),
    is: ['held', 'undecodable', 'order'],
    says: /cannot be read in the order service .*\(undecodable: no Avro\), since 2026-11-23 14:20:19 UTC\.$/,
    next: [`discard --service=order --event=${place} --reason='given up: undecodable' -- o-1`],
  },
  'garbage that stood for a version: what waits behind it is of a later one': {
    facts: factsOf({ order: { appliedVersion: 1, parked: [parked(), parked({ state: 'behind', version: 3 })] } }),
    is: ['held', 'undecodable', 'order'],
    says: /cannot be read/,
    next: [`discard --service=order --event=${place} --reason='given up: undecodable' --skip-version -- o-1`],
  },
  'the same garbage in three services is one verdict, and a command for each': {
    facts: factsOf({ order: head, billing: head, shipping: head }),
    is: ['held', 'undecodable', 'order'],
    says: /cannot be read in the order service, billing and shipping/,
    next: ['order', 'billing', 'shipping'].map(
      (name) => `discard --service=${name} --event=${place} --reason='given up: undecodable' -- o-1`,
    ),
  },
  'a schema that the registry has lost can come back': {
    facts: factsOf({ order: { parked: [parked({ cause: 'unknown-schema' })] } }),
    is: ['held', 'undecodable', 'order'],
    says: /unknown-schema/,
    next: [
      'redrive --service=order --what=events --dry-run -- o-1',
      'redrive --service=order --what=events -- o-1',
      `discard --service=order --event=${place} --reason='given up: unknown-schema' -- o-1`,
    ],
  },
  'the database refuses it': {
    facts: factsOf({ billing: { appliedVersion: 1, parked: [parked({ cause: 'constraint', version: 2 })] } }),
    is: ['held', 'refused', 'billing'],
    says: /^Version 2 cannot be applied in billing/,
    next: [
      'redrive --service=billing --what=events --dry-run -- o-1',
      'redrive --service=billing --what=events -- o-1',
      `discard --service=billing --event=${place} --reason='given up: constraint' --skip-version -- o-1`,
    ],
  },
  'a gap: what waits first is named': {
    facts: factsOf({
      cart: { appliedVersion: 4 },
      order: {
        appliedVersion: 1,
        parked: [
          parked({ state: 'waiting', version: 4, event: 'topic/3/9' }),
          parked({ state: 'waiting', version: 3 }),
        ],
      },
    }),
    is: ['held', 'gap', 'order'],
    says: /Version 3 waits in the order service for one before it/,
    next: [`discard --service=order --event=${place} --reason='the versions before 3 are lost' --skip-version -- o-1`],
  },
  'an event of a version that the cart does not have waits: it is dropped, not applied': {
    facts: factsOf({ order: foreignWaits, shipping: foreignWaits }),
    is: ['held', 'gap', 'order'],
    says: /^Version 4 has been waiting in the order service and shipping since .*, and the cart has only version 2 \(confirmed\): another program wrote this event\.$/,
    next: ['order', 'shipping'].map(
      (name) =>
        `discard --service=${name} --event=${place} --reason='version 4 is not the cart'\\''s' --drop-waiting -- o-1`,
    ),
  },
  'services have applied what the cart does not have: that is neither fine nor on its way': {
    facts: factsOf({ order: { appliedVersion: 4, status: 'shipped' }, billing: { appliedVersion: 4 } }),
    is: ['held', 'differs-from-cart', 'order'],
    says: /^The order service and billing have version 4 \(shipped\), and the cart only version 2 \(confirmed\): another program wrote it, or the cart was restored from an older backup\.$/,
    next: ['show -- o-1', 'timeline -- o-1'],
  },
  'the cart does not know an order that a service has': {
    facts: factsOf({ cart: { appliedVersion: null, status: null } }),
    is: ['held', 'differs-from-cart', 'order'],
    says: /^The order service, inventory, billing and shipping have version 2 \(confirmed\), and the cart has no such order/,
  },
  'the same version with another status': {
    facts: factsOf({ versions: [history({ status: 'shipped' })] }),
    is: ['held', 'differs-from-cart', 'order'],
    says: /^The order service has another version 2 \(shipped\) than the cart \(confirmed\)/,
  },
  'one service is ahead of the cart, another has something else of its version': {
    facts: factsOf({ cart: { eventId: 'e-1' }, billing: { appliedVersion: 3 }, shipping: { eventId: 'e-2' } }),
    is: ['held', 'differs-from-cart', 'billing'],
    says: /^Billing has version 3, and the cart only version 2/,
  },
  'the same version by another event': {
    facts: factsOf({ cart: { eventId: 'e-1' }, order: { eventId: 'e-1' }, billing: { eventId: 'e-2' } }),
    is: ['held', 'differs-from-cart', 'billing'],
    says: /^Billing has another version 2 \(event e-2\) than the cart \(event e-1\)/,
  },
  'the same version by the same event': {
    facts: factsOf({ cart: { eventId: 'e-2' }, order: { eventId: 'e-2' }, versions: [history()] }),
    is: ['fine', 'none', null],
    says: /^Every service/,
  },
  'a version that has come twice holds nothing up': {
    facts: factsOf({ order: conflict }),
    is: ['fine', 'conflict', null],
    says: /^Version 2 has come twice .* in the order service the first of them was applied.*\. Every service has version 2/,
    next: [`discard --service=order --event=${place} --reason='another event of its version counts' -- o-1`],
  },
  "a version that has come twice, and the one that was applied is not the cart's": {
    facts: factsOf({ cart: { eventId: 'e-1' }, order: { ...conflict, eventId: 'e-2' } }),
    is: ['held', 'conflict', 'order'],
    says: /the one that was applied is not the cart's: another program wrote it, and the cart's own was put aside/,
    next: [
      'show -- o-1',
      `discard --service=order --event=${place} --reason='another event of its version counts' -- o-1`,
    ],
  },
  'a version that has come twice, and another is on its way': {
    facts: factsOf({ cart: { appliedVersion: 3 }, order: conflict }),
    is: ['moving', 'in-flight', 'order'],
    says: /Version 3 is on its way/,
  },
  'the cart holds it': {
    facts: factsOf({ hold: { cause: 'gap', detail: 'versions 4 to 8 are missing', since: time } }),
    is: ['held', 'gap', 'cart'],
    says: /The cart takes no change of it.*versions 4 to 8/,
    next: [`release --reason='looked at: gap' -- o-1`],
  },
  'a charge is given up': {
    facts: factsOf({ billing: { status: 'draft', effects: [effect()] } }),
    is: ['held', 'effect-parked', 'billing'],
    says: /The charge of version 2 is not done: the answer of the payment gateway is neither a yes nor a no, status-404/,
    next: [
      'redrive --service=billing --what=effects -- o-1',
      `discard --service=billing --what=effects --event=7b0c8f0e-5a1e-4c55-9d5f-0f3a5a1c2b11:0 --reason='given up: status-404' -- o-1`,
    ],
  },
  'a charge of which no request can be made is not worth another try': {
    facts: factsOf({ billing: { effects: [effect({ cause: 'cannot-be-sent' })] } }),
    is: ['held', 'effect-parked', 'billing'],
    says: /it fails here, cannot-be-sent/,
    next: [
      `discard --service=billing --what=effects --event=7b0c8f0e-5a1e-4c55-9d5f-0f3a5a1c2b11:0 --reason='given up: cannot-be-sent' -- o-1`,
    ],
  },
  'the carrier is unavailable': {
    facts: factsOf({ shipping: { effects: [effect({ kind: 'label', state: 'again', cause: 'no-answer' })] } }),
    is: ['waiting', 'effect-failing', 'shipping'],
    says: /The label of version 2 fails and is tried again by itself \(attempt 9\): the carrier does not answer/,
    next: ['redrive --service=shipping --what=effects -- o-1'],
  },
  'the carrier answers a problem, which is not shown in the raw': {
    facts: factsOf({
      shipping: {
        effects: [
          effect({
            ...{ kind: 'label', state: 'again', cause: 'status-503' },
            detail: 'http://127.0.0.1:3007/labels answered 503: {"type":"/problems/x","title":"It is \\"off\\"","sta',
          }),
        ],
      },
    }),
    is: ['waiting', 'effect-failing', 'shipping'],
    says: /: the carrier is unavailable \(503: It is "off"\), since 2026-11-23 14:20:19 UTC\. There is nothing to do: the carrier has to come back\. .*held for a person\.$/,
  },
  'the gateway refuses our token: that is held until somebody mends it': {
    facts: factsOf({ billing: { effects: [effect({ state: 'again', cause: 'status-401' })] } }),
    is: ['held', 'effect-failing', 'billing'],
    says: /The charge of version 2 fails and is tried again until somebody mends what is refused .*status-401/,
    next: ['redrive --service=billing --what=effects -- o-1'],
  },
  'the charge was declined': {
    facts: factsOf({ billing: { status: 'declined', effects: [effect({ state: 'done', doneAt: time })] } }),
    is: ['held', 'payment-declined', 'billing'],
    says: /^The payment gateway has declined the charge \(2026-11-23 14:20:19 UTC\)\.$/,
    next: ['update -- o-1 paid', 'update -- o-1 cancelled'],
  },
  'the charge was declined, and the parcel is on its way': {
    facts: factsOf({
      cart: { status: 'shipped' },
      billing: { status: 'declined', effects: [effect({ state: 'done', doneAt: time })] },
      shipping: { status: 'dispatched' },
    }),
    is: ['held', 'payment-declined', 'billing'],
    says: /, and the parcel is on its way all the same\. .*the customer has to be contacted\.$/,
    next: ['update -- o-1 cancelled'],
  },
  'the refund was declined': {
    facts: factsOf({ cart: { status: 'cancelled' }, order: { status: 'cancelled' } }),
    is: ['held', 'payment-declined', 'billing'],
    says: /has declined the refund/,
    next: [],
  },
  'the carrier has declined': {
    facts: factsOf({ shipping: { status: 'cancelled' }, shipmentReason: 'declined by the carrier' }),
    is: ['held', 'refused', 'shipping'],
    says: /declined by the carrier/,
    next: [],
  },
  'no stock': {
    facts: factsOf({
      inventory: { status: 'backordered' },
      lacking: [{ itemId: 'pen', quantity: 3, available: 1, onHand: 4, url: '' }],
    }),
    is: ['waiting', 'backordered', 'inventory'],
    says: /there is not enough \(pen: 3 wanted, 1 there\)/,
  },
  'others want the same items first': {
    facts: factsOf({ inventory: { status: 'backordered' } }),
    is: ['waiting', 'backordered', 'inventory'],
    says: /orders that came before it want the same items/,
    next: ['watch -- o-1'],
  },
  'Kafka does not take it': {
    facts: factsOf({ cart: { appliedVersion: 3 }, outbox: [row()] }),
    is: ['waiting', 'outbox-pending', 'cart'],
    says: /Version 3 is stored in the cart, and Kafka has not taken its event yet, since/,
    next: ['doctor'],
  },
  'it was stored a moment ago': {
    facts: factsOf({ cart: { appliedVersion: 3 }, outbox: [row()], now: new Date(Date.parse(time) + 100) }),
    is: ['moving', 'in-flight', 'cart'],
    says: /its event is on its way to Kafka/,
  },
  'Kafka refuses it for good': {
    facts: factsOf({
      cart: { appliedVersion: 3 },
      outbox: [row({ setAside: true, cause: 'record-too-large' }), row()],
    }),
    is: ['held', 'set-aside', 'cart'],
    says: /Kafka refuses the event of version 3 for good \(record-too-large\)/,
    next: [
      'redrive --service=cart --what=set-aside -- o-1',
      `discard --service=cart --what=set-aside --event=7b0c8f0e-5a1e-4c55-9d5f-0f3a5a1c2b11 --reason='given up: record-too-large' -- o-1`,
    ],
  },
  'an inbox is paused, which holds up only what is behind': {
    facts: factsOf({
      order: { pauses: [pause()] },
      billing: { ...behind, pauses: [pause({ reason: 'maintenance' })] },
    }),
    is: ['held', 'paused', 'billing'],
    says: /^Everything is paused in billing by ann \(maintenance\), since/,
    next: ['resume --service=billing --inbox'],
  },
  'the order is paused for a while': {
    facts: factsOf({
      order: {
        appliedVersion: 1,
        pauses: [pause({ what: 'key', key: 'o-1', until: '2026-11-23T15:00:00.000Z' })],
        parked: [parked({ cause: 'paused', version: 2 })],
      },
    }),
    is: ['waiting', 'paused', 'order'],
    says: /^The order is paused in the order service by ann until 2026-11-23 15:00:00 UTC/,
    next: ['resume --service=order -- o-1'],
  },
  'charges are paused': {
    facts: factsOf({
      billing: {
        status: 'draft',
        pauses: [pause({ what: 'effects', kind: 'charge' })],
        effects: [effect({ state: 'paused', failingSince: null, parkedAt: null, cause: null })],
      },
    }),
    is: ['held', 'paused', 'billing'],
    says: /What is to be done outside \(charge\) is paused in billing/,
    next: ['resume --service=billing --effects --kind=charge'],
  },
  'what is parked cannot be redriven while the inbox is paused': {
    facts: factsOf({ order: { ...head, pauses: [pause()] } }),
    is: ['held', 'undecodable', 'order'],
    says: /cannot be read/,
    next: ['resume --service=order --inbox'],
  },
  'a batch is tried again and again': {
    facts: factsOf({ billing: { ...behind, missing: ['partition order-events/3 (retried for 15 s)'] } }),
    is: ['waiting', 'partition-stalled', 'billing'],
    says: /stands still in billing \(partition order-events\/3 \(retried for 15 s\)\)/,
    next: ['doctor'],
  },
  'Kafka does not answer': {
    facts: factsOf({ order: withoutKafka, billing: withoutKafka }),
    is: ['waiting', 'partition-stalled', 'order'],
    says: /^Kafka does not answer: the order is stored and nothing is lost, and it goes on by itself when Kafka is back\. Version 2 has not come to the order service and billing yet\.$/,
    next: ['doctor'],
  },
  'Kafka does not answer, and what was stored a moment ago waits in the cart': {
    facts: factsOf({
      cart: { appliedVersion: 3 },
      shipping: { missing: ['kafka'] },
      outbox: [row()],
      now: new Date(Date.parse(time) + 100),
    }),
    is: ['waiting', 'outbox-pending', 'cart'],
    says: /^Kafka does not answer: .*\. Version 3 has been waiting in the cart since 2026-11-23 14:20:19 UTC\.$/,
  },
  'Kafka does not let the cart in': {
    facts: factsOf({ cart: { appliedVersion: 3, missing: ['kafka (no such user)'] }, outbox: [row()] }),
    is: ['waiting', 'outbox-pending', 'cart'],
    says: /^Kafka does not let the services in \(no such user\): .* once somebody has mended that/,
  },
  'records are gone': {
    facts: factsOf({ billing: { ...behind, missing: ['records of order-events/3'] } }),
    is: ['held', 'partition-stalled', 'billing'],
    says: /accepts their loss/,
  },
  'a partition that stands still holds up no order that is through': {
    facts: factsOf({ billing: { missing: ['partition order-events/3 (retried for 15 s)'] } }),
    is: ['fine', 'none', null],
    says: /Every service/,
  },
  'a service does not answer': {
    facts: factsOf({ shipping: { fault: 'does not answer', appliedVersion: null, status: null } }),
    is: ['unknown', 'service-unreachable', 'shipping'],
    says: /What it is in shipping is not known: shipping does not answer\.$/,
    next: ['status'],
  },
}

for (const [what, { facts, is, says, next }] of Object.entries(cases))
  test(`the verdict: ${what}`, () => {
    const verdict = verdictOf(facts)
    assert.deepEqual([verdict.state, verdict.cause, verdict.service], is)
    assert.match(verdict.sentence, says)
    if (next)
      assert.deepEqual(
        verdict.next.map(({ command }) => command),
        next.map((command) => `inorder ${command}`),
      )
  })

test('of several reasons the first counts: what somebody has to decide, then what is waited for, then what is not known', () => {
  const causes = (facts: Facts) => verdictOf(facts).cause
  const silent = { fault: 'does not answer', appliedVersion: null }
  const failing = { effects: [effect({ state: 'again' })] }
  assert.equal(causes(factsOf({ order: behind, shipping: silent })), 'service-unreachable')
  assert.equal(causes(factsOf({ order: silent, shipping: failing })), 'effect-failing')
  assert.equal(causes(factsOf({ billing: { status: 'declined' }, shipping: failing })), 'payment-declined')
  // Of what has to be decided, what comes first on the order's way.
  const gap = { appliedVersion: 1, parked: [parked({ state: 'waiting', version: 3, cause: 'gap' })] }
  assert.equal(
    causes(factsOf({ order: gap, outbox: [row({ version: 2, setAside: true, cause: 'too-large' })] })),
    'set-aside',
  )
  assert.equal(causes(factsOf({ order: gap, billing: { effects: [effect()] } })), 'gap')
  assert.equal(causes(factsOf({ billing: { status: 'declined' }, shipping: { effects: [effect()] } })), 'effect-parked')
})

test('what holds several services up is told since the first of them', () => {
  const earlier = '2026-11-23T14:00:00.000Z'
  const { since } = verdictOf(factsOf({ order: head, billing: { parked: [parked({ parkedAt: earlier })] } }))
  assert.equal(since, earlier)
})

test('of an order whose parcel is on its way, a cancellation says that it is called back; no untrue status is advised', () => {
  const of = (status: string, shipment: string) => {
    const { next } = verdictOf(
      factsOf({ cart: { status }, billing: { status: 'declined' }, shipping: { status: shipment } }),
    )
    return next.map(({ command, explains }) => [command.replace(/^.* /, ''), /parcel/.test(explains)])
  }
  assert.deepEqual(of('shipped', 'dispatched'), [['cancelled', true]])
  assert.deepEqual(of('delivered', 'delivered'), [])
  assert.deepEqual(of('paid', 'quoted'), [
    ['confirmed', false],
    ['cancelled', false],
  ])
})

test('of what a receiver answered the status and the title are shown, of its text all of it', () => {
  const of = (body: string) => detailShown(`http://127.0.0.1:3006/charges answered 502: ${body}`)
  assert.equal(of('{"status":502}'), '502')
  assert.equal(of('<html>Bad gateway'), '502')
  assert.equal(of('Bad gateway'), '502: Bad gateway')
  assert.equal(of('{"title":"Cut \\'), '502')
  assert.equal(detailShown('fetch failed: ECONNREFUSED'), 'fetch failed: ECONNREFUSED')
})

test('before garbage is given up it is said what it is, and whether anything is lost with it', () => {
  const explains = (changed: Parameters<typeof factsOf>[0]) => verdictOf(factsOf(changed)).next.at(-1)?.explains ?? ''
  const garbage = explains({ order: head, unreadBytes: '67 61 ("ga")' })
  assert.match(
    garbage,
    /^It is no version of the order that can be read, and nothing of the order is lost with it: every/,
  )
  assert.match(
    garbage,
    / It begins with 67 61 \("ga"\)\. If a schema is missing in the registry: do not discard it, put/,
  )
  const behindIt = { parked: [parked(), parked({ state: 'behind', version: 3 })] }
  assert.match(
    explains({ cart: { appliedVersion: 3 }, order: behindIt }),
    /nothing of the order is lost.*: version 3 is there/,
  )
  assert.match(
    explains({ cart: { appliedVersion: 3 }, order: head }),
    /it may stand for version 3, which has not come\. If/,
  )
  assert.match(explains({ order: { parked: [parked({ cause: 'tombstone' })] } }), /^Gives that event up/)
})

test('of an item that is short the call that sets its stock is given, of its whole count', () => {
  const inventory = 'http://10.0.0.3:3003'
  const { sentence, next } = verdictOf(
    factsOf({
      inventory: { status: 'backordered' },
      lacking: [
        { itemId: 'pen', quantity: 3, available: 1, onHand: 4, url: `${inventory}/stock/pen` },
        { itemId: "it's", quantity: 1, available: 0, onHand: null, url: `${inventory}/stock/it's` },
      ],
    }),
  )
  assert.match(sentence, /pen: 3 wanted, 1 there; it's: 1 wanted, 0 there, its stock was never set\)/)
  const end = `-H 'content-type: application/json' -d '{"onHand": <whole count>}'`
  assert.deepEqual(
    next.map(({ command }) => command),
    [
      `curl -X PUT ${inventory}/stock/pen ${end}`,
      `curl -X PUT '${inventory}/stock/it'\\''s' ${end}`,
      'inorder watch -- o-1',
    ],
  )
  assert.match(
    next[0]!.explains,
    /in all, not what came in \(now 4, of which 3 are promised to other orders\); this order wants 3/,
  )
})
