// All that a page shows is foreign: markup in any of it stays text.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pathOf } from '@inorder/contracts/paths.ts'
import type { Timeline } from '@inorder/contracts/timeline.ts'
import { audit } from './audit.ts'
import { heldKey, hexOf } from './held-key.ts'
import type { Html } from './html.ts'
import { job } from './job.ts'
import { columnsOf, lanes, markIn, markOf } from './lanes.ts'
import { documentOf } from './layout.ts'
import { needsOf, type Trouble } from './needs.ts'
import { operations } from './operations.ts'
import { order } from './order.ts'
import { orders } from './orders.ts'
import { overview } from './overview.ts'
import { parked, parkedKeys } from './parked.ts'
import { refusal } from './parts.ts'
import { topics } from './topics.ts'
import { tryIt } from './try-it.ts'

const evil = `"'><script>alert(1)</script><b onclick=x>`
const time = '2026-11-23T14:20:19.000Z'
const now = Date.parse(time) + 5_000
const service = 'order' as const
const listOf = <Item>(...items: Item[]) => ({ items, silent: [], more: [] })

const event = { event: evil, state: 'head', cause: evil, detail: evil, version: null, parkedAt: time, attempts: 1 }
const effect = {
  effect: evil,
  kind: evil,
  version: 1,
  state: 'parked',
  attempts: 3,
  cause: evil,
  detail: evil,
  createdAt: time,
  failingSince: time,
  parkedAt: time,
}
const anyJob = {
  id: 7,
  type: 'redrive' as const,
  state: 'stopped' as const,
  by: evil,
  filter: { cause: evil, detail: evil },
  dryRun: true,
  canary: true,
  total: 3,
  tried: 1,
  applied: 0,
  failed: 1,
  remaining: 2,
  stoppedAt: { key: evil, cause: evil, detail: evil },
  startedAt: time,
  updatedAt: time,
  service,
}
const group = { service, cause: evil, detail: evil, count: 1, oldest: time }
const setAside = {
  service,
  key: evil,
  event: evil,
  topic: evil,
  version: null,
  cause: evil,
  detail: evil,
  since: time,
  behind: 0,
}
const held = { service: 'cart' as const, key: evil, version: 1, cause: evil, detail: evil, newest: 3, since: time }
const heldEffect = { ...effect, key: evil, behind: 2, service: 'billing' as const }
const trouble: Trouble = {
  groups: listOf(group),
  effects: listOf(heldEffect),
  failing: listOf({ ...heldEffect, state: 'again' }),
  setAside: listOf(setAside),
  held: listOf(held),
  jobs: listOf(anyJob),
  health: [
    { service, missing: [evil] },
    { service: 'cart', missing: null },
  ],
}
const view = { reachable: true, appliedVersion: 1, appliedAt: time, status: evil, parked: [], effects: [] }
const timeline: Timeline = {
  orderId: evil,
  verdict: {
    state: 'held',
    cause: 'undecodable',
    service,
    since: time,
    sentence: evil,
    event: evil,
    next: [{ command: evil, explains: evil }],
  },
  versions: [
    {
      version: 1,
      status: evil,
      previousStatus: evil,
      occurredAt: time,
      appliedAt: time,
      eventId: evil,
      traceId: evil,
      actor: evil,
    },
  ],
  services: {
    cart: { ...view, appliedVersion: 3 },
    order: { ...view, parked: [event, { ...event, state: 'behind', version: 2 }] },
    inventory: { ...view, reachable: false, appliedVersion: null, appliedAt: null, status: null },
    billing: { ...view, effects: [effect] },
    shipping: { ...view, appliedVersion: 3 },
  },
  outbox: [{ service: evil, event: evil, topic: evil, version: 3, since: time, setAside: true, cause: evil }],
}
const oneOrder = {
  orderId: evil,
  customerId: evil,
  orderDate: time,
  items: [{ itemId: evil, quantity: 1, price: 1 }],
  totalAmount: 1,
  currency: 'USD',
  status: evil,
}
const record = {
  ...event,
  timestamp: time,
  headers: [{ name: evil, value: evil, encoding: 'base64' }],
  keyBytes: null,
  bytes: null,
  decoded: { a: evil },
}
const entry = {
  id: 1,
  at: time,
  operator: evil,
  action: evil,
  key: evil,
  event: evil,
  reason: evil,
  before: { event: { cause: evil } },
  after: {},
  service,
}
const ok = (body: unknown) => ({ reachable: true as const, status: 200, body, etag: null })

const pages: Record<string, Html> = {
  overview: overview(trouble, now),
  orders: orders({ status: evil, customerId: evil, after: evil }, ok({ items: [oneOrder], next: evil }), now),
  order: order({ timeline, order: oneOrder }, now),
  parked: parked(trouble, now),
  'parked of a service': parkedKeys(
    service,
    evil,
    '',
    { items: [{ key: evil, cause: evil, count: 1, since: time, event: evil }], next: evil },
    now,
  ),
  'held key': heldKey(
    {
      service,
      key: evil,
      parked: {
        key: evil,
        appliedVersion: 1,
        events: [record, { ...record, decoded: null, bytes: Buffer.from(evil).toString('base64') }],
      },
      effects: [effect],
      foreseen: {
        key: evil,
        applied: 0,
        remaining: 1,
        events: [{ event: evil, version: null, becomes: evil, cause: evil, detail: evil }],
      },
    },
    now,
  ),
  job: job(anyJob, now),
  topics: topics(listOf({ partition: 0, next: 1, end: null, lag: null, owner: evil, stalledSeconds: 20, service })),
  audit: audit({ entries: [entry], silent: [], next: evil, isFirst: false }, now),
  'try it': tryIt({ orderId: evil, poisons: true }),
  refusal: refusal(
    {
      reachable: true,
      status: 400,
      body: { title: evil, detail: evil, type: evil, errors: [{ field: evil, message: evil }] },
      etag: null,
    },
    evil,
  ),
}

for (const [name, page] of Object.entries(pages))
  test(`${name}: markup in a key, a status, a header, a cause or anything else stays text`, () => {
    const whole = documentOf(
      { title: evil, main: page, everyMs: 1 },
      {
        url: `/orders/${evil}`,
        now,
        assets: [],
        icon: '',
        navigation: [],
        caller: { name: evil, mayOperate: false },
        surroundings: {
          pauses: [
            { what: 'key', kind: null, key: evil, since: time, until: time, reason: evil, operator: evil, service },
          ],
          jobs: [anyJob],
          silent: [],
        },
      },
    )
    assert.doesNotMatch(whole, /<script>|<b on/i)
    // Each quote of a tag begins or ends an attribute.
    for (const [tag] of whole.matchAll(/<[a-z][^<>]*>/g))
      assert.match(tag, /^<[a-z][\w-]*(\s+[\w:-]+(="[^"<>]*")?)*\s*\/?>$/i, tag)
    assert.match(page.text, /&lt;script&gt;/)
  })

test('a gap offers to go on without the missing versions, or to drop the event that waits, and no redrive', () => {
  const page = (...states: string[]) =>
    heldKey(
      {
        service,
        key: 'o-1',
        parked: {
          key: 'o-1',
          appliedVersion: 1,
          events: states.map((state) => ({ ...event, event: 't/3/17', state })),
        },
        effects: [],
      },
      now,
    ).text
  const gap = page('waiting', 'waiting')
  const forms = [...gap.matchAll(/<form method="post".*?<\/form>/gs)].map(([form]) =>
    Object.fromEntries([...form.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)].map(([, n, v]) => [n!, v!])),
  )
  const bodies = forms.map((fields) => operations.discard({ ...fields, reason: 'lost' }).body)
  assert.deepEqual(bodies, [
    { event: 't/3/17', reason: 'lost', skipVersion: true },
    { event: 't/3/17', reason: 'lost', dropWaiting: true },
  ])
  assert.doesNotMatch(gap, /checkbox|dryRun|do\/redrive/)
  const head = page('head', 'waiting')
  assert.match(head, /do\/redrive.*do\/discard.*type="checkbox" name="skipVersion"/s)
  assert.doesNotMatch(head, /dropWaiting/)
  assert.match(head, /Applied in the order service: version 1\./)
})

test('what is empty says so of the services alone that have answered', () => {
  const silent = { items: [], silent: ['shipping' as const], more: [] }
  const { text } = parked(
    {
      groups: silent,
      effects: silent,
      failing: silent,
      setAside: silent,
      held: { ...silent, silent: ['cart'] },
      jobs: silent,
    },
    now,
  )
  assert.match(text, /shipping did not answer\..*Nothing is parked in the others\./s)
  assert.doesNotMatch(text, /parked\.<|fails\.<|set aside\.<|in the cart\.</)
})

test('a command of an order’s page can be pasted where inorder is not on the PATH', () => {
  const next = ['inorder why -- o-1', 'curl http://127.0.0.1:3003'].map((command) => ({
    command,
    explains: 'It helps',
  }))
  const { text } = order({ timeline: { ...timeline, verdict: { ...timeline.verdict, next } }, order: undefined }, now)
  assert.match(text, /Commands are for the folder of inorder.*class="command">npx inorder why -- o-1\ncurl http/s)
})

test('what comes back by itself stands apart from what needs someone', () => {
  const empty = listOf<never>()
  const calm = { groups: empty, effects: empty, setAside: empty, held: empty, jobs: empty, health: [] }
  const page = (cause: string) =>
    overview({ ...calm, failing: listOf({ ...heldEffect, cause, state: 'again' }) }, now).text
  assert.match(page('status-503'), /Nothing waits for anybody.*by itself, and needs nobody<.*status-503/s)
  assert.match(page('status-401'), /id="needs" data-live><ol class="needs">\s*<li class="held">.*status-401/s)
  assert.doesNotMatch(page('status-401'), /by itself, and needs nobody/)
})

test('a service that does not answer leads to the doctor and the runbook, and not to the page itself', () => {
  const { text } = overview(trouble, now)
  assert.match(text, /<li class="\w+"><p>cart: <b>does not answer<\/b>.*npx inorder doctor.*docs\/runbooks\/down\.md/s)
  assert.doesNotMatch(text, /href="\/"/)
})

test('what holds orders up for the same reason in several services is one card, with a redrive in each', () => {
  const groups = listOf(group, { ...group, service: 'billing' as const, count: 2 }, { ...group, cause: 'constraint' })
  const { text } = parked({ ...trouble, groups }, now)
  const [both = '', one = '', ...others] = text.match(/<article.*?<\/article>/gs) ?? []
  assert.equal(others.length, 0)
  assert.match(both, /order: 1 order<.*billing: 2 orders<.*>order: Redrive all<.*>billing: Redrive all</s)
  assert.match(one, />Redrive all</)
})

test('a redrive of all is offered for what it can help, and not for gaps', () => {
  const buttons = (cause: string) =>
    [...parked({ ...trouble, groups: listOf({ ...group, cause }) }, now).text.matchAll(/action="\/do\/job-begin"/g)]
      .length
  assert.deepEqual(['constraint', 'gap', 'paused'].map(buttons), [2, 0, 0])
})

test('what needs somebody is listed with the oldest first; what only is paused does not', () => {
  const groups = [
    { ...group, cause: 'undecodable', oldest: '2026-11-23T14:00:00.000Z' },
    { ...group, cause: 'paused', oldest: '2026-11-23T13:00:00.000Z' },
    { ...group, cause: 'gap', oldest: '2026-11-23T12:00:00.000Z' },
  ]
  const empty = listOf<never>()
  const calm = { effects: empty, failing: empty, setAside: empty, held: empty, jobs: empty }
  const needs = needsOf({ ...calm, groups: listOf(...groups), health: [{ service: 'billing', missing: null }] })
  assert.deepEqual(
    needs.map(({ cause }) => cause),
    ['service-unreachable', 'gap', 'undecodable'],
  )
  const everywhere = listOf({ ...group, service: 'order' as const }, { ...group, service: 'billing' as const })
  const [one, ...others] = needsOf({ ...calm, groups: everywhere, health: [] })
  assert.deepEqual([one?.places.map(({ service }) => service), others], [['order', 'billing'], []], 'told once')
  assert.deepEqual(needsOf({ ...calm, groups: empty, health: [{ service: 'billing', missing: [] }] }), [])
})

test('an order’s way: applied, on its way, held and behind it, also where the version cannot be read', () => {
  const of = (parked: object[], appliedVersion = 1) => ({
    ...view,
    appliedVersion,
    parked: parked as Record<string, unknown>[],
  })
  const marks = (view: ReturnType<typeof of>) => [1, 2, 3].map((version) => markOf(view, version))
  assert.deepEqual(marks(of([])), ['applied', 'coming', 'coming'])
  assert.deepEqual(marks(of([event])), ['applied', 'behind', 'behind'])
  assert.deepEqual(
    marks(
      of([
        { ...event, version: 2 },
        { ...event, state: 'behind', version: 3 },
      ]),
    ),
    ['applied', 'held', 'behind'],
  )
  assert.deepEqual(marks(of([{ ...event, state: 'waiting', version: 3 }])), ['applied', 'behind', 'behind'])
  assert.deepEqual(marks(of([{ ...event, state: 'conflict', version: 1 }], 3)), ['applied', 'applied', 'applied'])
  assert.deepEqual(marks({ ...of([]), reachable: false }), ['unknown', 'unknown', 'unknown'])
  assert.deepEqual(columnsOf(timeline), [1, 2, 3])
  assert.match(lanes(timeline).text, /<rect class="held"/)
})

test('a version that was skipped is not applied, and one that the cart does not have is not on its way from it', () => {
  const other = { ...view, appliedVersion: 2 }
  const foreign: Timeline = {
    ...timeline,
    services: {
      cart: { ...other, eventId: 'e-2' },
      order: { ...view, appliedVersion: 4, skipped: [{ from: 3, to: 3 }] },
      inventory: { ...other, parked: [{ ...event, state: 'waiting', version: 5 }] },
      billing: other,
      shipping: other,
    },
    versions: [2, 4].map((version) => ({ ...timeline.versions[0]!, version, eventId: `e-${version}` })),
    outbox: [],
  }
  const marks = (name: 'cart' | 'order' | 'inventory' | 'billing') =>
    [2, 3, 4, 5].map((version) => markIn(foreign, name, version))
  assert.deepEqual(marks('cart'), ['applied', 'absent', 'absent', 'absent'])
  assert.deepEqual(marks('order'), ['applied', 'skipped', 'applied', 'coming'])
  assert.deepEqual(marks('inventory'), ['applied', 'absent', 'behind', 'behind'])
  assert.deepEqual(marks('billing'), ['applied', 'absent', 'coming', 'coming'])
  const { text } = order({ timeline: foreign, order: undefined }, now)
  const rows = text.slice(text.indexOf('Versions, as')).split('<tr>').slice(2, 5)
  assert.deepEqual(
    rows.map((row) => [/<b>(\d)<\/b>/.exec(row)?.[1], /not by the cart|skipped by hand/.exec(row)?.[0]]),
    [
      ['4', 'not by the cart'],
      ['3', 'skipped by hand'],
      ['2', undefined],
    ],
  )
})

test('a charge that was declined is shown as declined, in the picture too', () => {
  const charge = { kind: 'charge', version: 1, state: 'done', result: 'declined' }
  const shown = order(
    { timeline: { ...timeline, services: { billing: { ...view, effects: [charge] } } }, order: undefined },
    now,
  )
  assert.match(shown.text, /class="badge bad">1 declined</)
  assert.doesNotMatch(shown.text.replace(/<ul class="legend"[\s\S]*?<\/ul>/, ''), /1 done|>done<|class="effect done"/)
})

test('the page of an order says the same thing to do once, and leads to the service that holds it', () => {
  const next = ['order', 'billing'].map((name) => ({ command: `inorder x --service=${name}`, explains: 'Gives it up' }))
  const versions = [{ ...timeline.versions[0]!, actor: null, appliedAt: '2026-11-23T14:22:48.557Z' }]
  const verdict = { ...timeline.verdict, service: 'cart', next }
  const behind = { ...event, state: 'behind', cause: 'behind' }
  const services = { ...timeline.services, order: view, billing: { ...view, parked: [behind] } }
  const { text } = order({ timeline: { ...timeline, verdict, versions, services }, order: undefined }, now)
  assert.match(
    text,
    /<li>Gives it up<pre [^>]*>npx inorder x --service=order\nnpx inorder x --service=billing<\/pre><\/li>/,
  )
  assert.match(text, /href="\/parked\/billing\/[^"]*">Look at what the billing service holds/)
  assert.doesNotMatch(text, />since /)
  assert.match(text, />2 min 30 s</)
  assert.match(text, />waits behind it<\/span><\/td><td><\/td>/)
  assert.doesNotMatch(text, /not asked|<th scope="col">by</)
})

test('a path holds a key as one part', () => {
  assert.equal(pathOf('ops', 'parked', 'a/b?c#d'), '/ops/parked/a%2Fb%3Fc%23d')
})

test('bytes are shown as they are, the first 512', () => {
  assert.equal(hexOf(Buffer.from('<a>\n').toString('base64')), `0000  3c 61 3e 0a${' '.repeat(36)}  <a>.`)
  assert.match(hexOf(Buffer.alloc(600).toString('base64')), /\n\.\.\. 88 bytes more$/)
})
