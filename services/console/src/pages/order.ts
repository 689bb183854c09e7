// One order: why it stands where it does, what can be done, and its way through all services.

import type { Order } from '@inorder/contracts/order.ts'
import { pathOf } from '@inorder/contracts/paths.ts'
import { type ServiceName, serviceNames } from '@inorder/contracts/service-names.ts'
import {
  effectCounts,
  historyOf,
  type ServiceView,
  spanOf,
  stepsOf,
  type Timeline,
  type Verdict,
  type VerdictState,
} from '@inorder/contracts/timeline.ts'
import { type Html, html, type Value } from './html.ts'
import { isAsWanted, lanes } from './lanes.ts'
import { badge, counted, nothing, type Tone, table } from './parts.ts'
import { age, when } from './time.ts'

const tones: Record<VerdictState, Tone> = {
  fine: 'good',
  moving: 'move',
  held: 'bad',
  waiting: 'wait',
  unknown: 'wait',
}

export interface OneOrder {
  timeline: Timeline
  /** As the cart has it; undefined where the cart did not say. */
  order: Order | undefined
}

export const order = ({ timeline, order }: OneOrder, now: number): Html => html`
<div id="verdict" data-live>${verdict(timeline, now)}</div>
<section aria-labelledby="way-head"><h2 id="way-head">Its way</h2><div id="way" data-live>${lanes(timeline)}</div></section>
<div id="next" data-live>${steps(timeline.verdict)}</div>
<section aria-labelledby="services-head"><h2 id="services-head">Services</h2><div id="services" data-live>${services(timeline, now)}</div></section>
<section aria-labelledby="versions-head"><h2 id="versions-head">Versions</h2><div id="versions" data-live>${versions(timeline, now)}</div></section>
<div id="waits" data-live>${waiting(timeline, now)}</div>
<div id="contents" data-live>${order && contents(order, now)}</div>
<p class="also">As JSON: <a href="${pathOf('timeline', timeline.orderId)}">timeline</a></p>`

function verdict({ verdict, orderId, services }: Timeline, now: number): Html {
  const { state, cause, service, since, sentence } = verdict
  const holds = (name: string) =>
    services[name] && (services[name].parked.length > 0 || services[name].effects.some(isToDo))
  const holder = [...(service === null ? [] : [service]), ...serviceNames].find(holds)
  return html`<div class="verdict ${tones[state]}" role="status">
<p>${badge(tones[state], state)} ${cause !== 'none' && badge('plain', cause)}</p>
<p class="sentence">${sentence}</p>${since !== null && html`<p class="since">${age(since, now)}</p>`}</div>
${holder && html`<p class="look"><a class="button" href="${pathOf('parked', holder, orderId)}">Look at what the ${holder} service holds, try it, or let it go on</a></p>`}`
}

const steps = (verdict: Verdict): Html | false =>
  verdict.next.length > 0 &&
  html`<section aria-labelledby="next-head"><h2 id="next-head">What can be done</h2><p class="none">Commands are for the folder of inorder.</p><ol class="steps">${stepsOf(
    verdict,
  ).map(
    ({ commands, explains }) =>
      html`<li>${explains}<pre tabindex="0" class="command">${commands.map((command) => command.replace(/^inorder /, 'npx inorder ')).join('\n')}</pre></li>`,
  )}</ol></section>`

const services = ({ services, orderId }: Timeline, now: number): Html =>
  table(
    'What each service has of the order',
    ['service', 'applied version', 'applied', 'its part', 'held', 'effects'],
    serviceNames.flatMap((name): Value[][] => {
      const view = services[name]
      if (!view) return []
      if (!view.reachable) return [[html`<b>${name}</b>`, badge('wait', 'no answer'), '', '', '', '']]
      const href = pathOf('parked', name, orderId)
      const { appliedVersion, appliedAt, status, parked, effects } = view
      return [
        [
          html`<b>${name}</b>`,
          appliedVersion ?? html`<span class="none">none</span>`,
          name !== 'cart' && when(appliedAt, now),
          status !== null && badge('plain', status),
          parked.length > 0 &&
            html`<a href="${href}">${badge(parked.every(isConflict) ? 'wait' : 'bad', `${parked.length} parked`)}</a>`,
          effectsOf(effects, href),
        ],
      ]
    }),
  )

function versions(timeline: Timeline, now: number): Html {
  const { lines, isSignedIn } = historyOf(timeline)
  const rows = lines.toReversed().map(({ label, applied, isOfCart }): Value[] => {
    if (!applied)
      return [html`<b>${label}</b>`, badge('wait', 'skipped by hand'), '', '', ...(isSignedIn ? [''] : []), '', '']
    const { status, previousStatus, occurredAt, appliedAt, actor, eventId, traceId } = applied
    return [
      html`<b>${label}</b>`,
      html`${badge('plain', status)}${previousStatus !== null && html` <span class="none">from ${previousStatus}</span>`}`,
      isOfCart ? when(occurredAt, now) : html`<span class="none">not by the cart</span>`,
      isOfCart && html`<span class="number">${spanOf(Date.parse(appliedAt) - Date.parse(occurredAt))}</span>`,
      ...(isSignedIn ? [actor ?? html`<span class="none">not known</span>`] : []),
      html`<code>${eventId}</code>`,
      traceId !== null && html`<code>${traceId}</code>`,
    ]
  })
  if (rows.length === 0) return nothing('The order service has applied no version yet.')
  return table(
    'Versions, as the order service applied them',
    ['version', 'status', 'accepted by the cart', 'applied after', ...(isSignedIn ? ['by'] : []), 'event', 'trace'],
    rows,
  )
}

const isConflict = ({ state }: Record<string, unknown>) => state === 'conflict'
const isToDo = ({ state }: Record<string, unknown>) => state !== 'done'

/** What a state of /ops means to somebody who asks about one order. */
const parkedStates: Record<string, string> = {
  head: 'holds the order up',
  behind: 'waits behind it',
  waiting: 'waits for a version before it',
  conflict: 'came second: not applied',
}
const effectStates: Record<string, string> = {
  parked: 'held for a person',
  behind: 'waits for the one before it',
  due: 'about to be done',
  running: 'being done',
  again: 'failed, is tried again',
}

function effectsOf(effects: ServiceView['effects'], href: string): Html | false {
  const counts = effectCounts(effects).map(([what, count]) => {
    const text = badge(what === 'to do' ? 'wait' : toneOf(what), `${count} ${what}`)
    return what === 'to do' ? html`<a href="${href}">${text}</a> ` : html`${text} `
  })
  return counts.length > 0 && html`${counts}`
}

/** Of what an effect came to. */
const toneOf = (result: unknown): Tone => (result === 'declined' ? 'bad' : isAsWanted(result) ? 'good' : 'plain')

function waiting({ services, outbox, orderId }: Timeline, now: number): Html {
  type Shown = { name: ServiceName; of: Record<string, unknown> }
  const all = (what: 'parked' | 'effects') =>
    serviceNames.flatMap((name) => (services[name]?.[what] ?? []).map((of): Shown => ({ name, of })))
  const link = (name: ServiceName) => html`<a href="${pathOf('parked', name, orderId)}">${name}</a>`
  const text = (value: unknown) => (value === null || value === undefined ? '' : String(value))
  const state = (of: Shown['of'], worst: string, words: Record<string, string>) =>
    badge(of.state === worst ? 'bad' : 'wait', words[text(of.state)] ?? text(of.state))
  const [parked, effects] = [all('parked'), all('effects')]
  return html`
${
  parked.length > 0 &&
  section(
    'Parked events',
    ['service', 'state', 'cause', 'version', 'parked', 'what is wrong'],
    parked.map(({ name, of }) => [
      link(name),
      state(of, 'head', parkedStates),
      of.cause !== of.state && text(of.cause),
      text(of.version) || html`<span class="none">not known</span>`,
      when(text(of.parkedAt), now),
      html`<span class="long">${text(of.detail)}</span>`,
    ]),
  )
}
${
  effects.length > 0 &&
  section(
    'Slow effects',
    ['service', 'kind', 'state', 'version', 'attempts', 'cause', 'detail'],
    effects.map(({ name, of }) => [
      link(name),
      text(of.kind),
      of.state === 'done' ? badge(toneOf(of.result), text(of.result ?? 'answered')) : state(of, 'parked', effectStates),
      text(of.version),
      text(of.attempts),
      text(of.cause),
      html`<span class="long">${text(of.detail)}</span>`,
    ]),
  )
}
${
  outbox.length > 0 &&
  section(
    'Not in Kafka yet',
    ['service', 'topic', 'version', 'since', 'state'],
    outbox.map(({ service, topic, version, since, setAside, cause }) => [
      service,
      topic,
      version,
      when(since, now),
      setAside ? html`<a href="/parked#set-aside">${badge('bad', `set aside: ${cause}`)}</a>` : badge('move', 'waits'),
    ]),
  )
}`
}

const section = (name: string, heads: string[], rows: Parameters<typeof table>[2]): Html =>
  html`<section><h2>${name}</h2>${table(name, heads, rows)}</section>`

const contents = ({ customerId, items, totalAmount, currency, orderDate, status }: Order, now: number): Html => html`
<section aria-labelledby="order-head"><h2 id="order-head">The order, as the cart has it</h2>
<dl class="facts"><dt>Customer</dt><dd><a href="/orders?customerId=${encodeURIComponent(customerId)}">${customerId}</a></dd><dt>Status</dt><dd>${status}</dd><dt>Total</dt><dd>${totalAmount} ${currency}</dd><dt>Ordered</dt><dd>${when(orderDate, now)}</dd></dl>
<details id="items"><summary>${counted(items.length, 'item')}</summary>${table(
  'Items of the order',
  ['item', 'quantity', 'price'],
  items.map(({ itemId, quantity, price }) => [itemId, quantity, price]),
)}</details></section>`
