// What one service holds of one order: the events as they came, the slow effects, and what can be done with them.
import { pathOf } from '@inorder/contracts/paths.ts'
import type { ServiceName } from '@inorder/contracts/service-names.ts'
import type { ShownEffect } from '@inorder/messaging/effects/ops.ts'
import type { ParkedDetail, Redriven } from '@inorder/messaging/inbox/ops.ts'
import { act } from './act.ts'
import { type Html, html } from './html.ts'
import { badge, counted, lines, nothing, table } from './parts.ts'
import { when } from './time.ts'

type ParkedRecord = ParkedDetail['events'][number]

export interface HeldKey {
  service: ServiceName
  key: string
  /** Undefined: nothing is parked. */
  parked: ParkedDetail | undefined
  effects: ShownEffect[]
  /** What a redrive would do now, where that was asked for. */
  foreseen?: Redriven | undefined
}

export function heldKey({ service, key, parked, effects, foreseen }: HeldKey, now: number): Html {
  const isOrder = !key.startsWith('@')
  const hasHead = parked?.events.some(({ state }) => state === 'head') ?? false
  return html`
<p class="lead">${isOrder ? html`<a href="${pathOf('orders', key)}">${key}</a>: its way through all services.` : 'A record that belongs to no order: only a discard removes it.'} ${parked && isOrder && `Applied in the ${service} service: version ${parked.appliedVersion}.`}</p>
${foreseen && dryRun(foreseen)}
<section aria-labelledby="events-head"><h2 id="events-head">Parked events</h2>
${
  !parked
    ? nothing('Nothing of it is parked here now.')
    : html`
${isOrder && hasHead && html`<div class="acts"><form action="${pathOf('parked', service, key)}"><input type="hidden" name="dryRun" value="yes"><button>Dry run</button></form> ${act('redrive', { service, key }, 'Redrive')}</div>`}
${parked.events.map((event, n) => eventCard(event, n))}`
}</section>
${effects.length > 0 && html`<section aria-labelledby="effects-head"><h2 id="effects-head">Slow effects</h2>${effects.map(effectCard)}</section>`}`

  function eventCard(record: ParkedRecord, n: number): Html {
    const { event, state, cause, detail, version, parkedAt, attempts, timestamp } = record
    const isGap = !hasHead && parked?.events.findIndex(({ state }) => state === 'waiting') === n
    const discards = state === 'head' || state === 'conflict'
    const fields = { service, key, event }
    return html`<article class="card ${state === 'head' && 'bad'}" aria-labelledby="event-${n}">
<h3 id="event-${n}">${version === null ? 'version not known' : `version ${version}`} ${badge(state === 'head' ? 'bad' : 'wait', state)} ${cause !== state && badge('plain', cause)}</h3>
<p class="detail">${detail}</p>
<dl class="facts"><dt>Parked</dt><dd>${when(parkedAt, now)}</dd><dt>In Kafka since</dt><dd>${when(timestamp ?? null, now)}</dd><dt>Tried</dt><dd>${counted(attempts, 'time')}</dd><dt>Event</dt><dd><code>${event}</code></dd></dl>
<details id="payload-${n}" ${state === 'head' && html`open`}><summary>Payload and headers</summary>${payload(record)}</details>
${discards && act('discard', fields, 'Discard', { reason: true, skipVersion: true })}
${isGap && html`<p>A redrive cannot bring what never came. Go on without the missing versions, or, if another program wrote this event, drop it.</p>${act('discard', { ...fields, skipVersion: 'yes' }, 'Go on without the missing versions', { reason: true })} ${act('discard', { ...fields, dropWaiting: 'yes' }, 'Drop the event that waits', { reason: true })}`}</article>`
  }

  function effectCard(effect: ShownEffect, n: number): Html {
    const { kind, state, cause, detail, version, attempts, createdAt, failingSince } = effect
    const decides = state === 'parked' || state === 'again'
    return html`<article class="card ${state === 'parked' && 'bad'}" aria-labelledby="effect-${n}">
<h3 id="effect-${n}">${kind} ${badge(state === 'parked' ? 'bad' : 'wait', state)} ${cause !== null && badge('plain', cause)}</h3>
<p class="detail">${detail}</p>
<dl class="facts"><dt>Of version</dt><dd>${version}</dd><dt>Tried</dt><dd>${counted(attempts, 'time')}</dd><dt>Asked for</dt><dd>${when(createdAt, now)}</dd><dt>Failing since</dt><dd>${when(failingSince, now)}</dd><dt>Effect</dt><dd><code>${effect.effect}</code></dd></dl>
${decides && html`<div class="acts">${act('effect-redrive', { service, key }, 'Try now')} ${act('effect-discard', { service, key, effect: effect.effect }, 'Give it up', { reason: true })}</div>`}</article>`
  }
}

const becomesTone = (becomes: string) => (becomes === 'applied' ? 'good' : becomes === 'duplicate' ? 'plain' : 'bad')

const dryRun = ({ applied, remaining, events = [] }: Redriven): Html => html`
<section class="card" aria-labelledby="dry-head" role="status"><h2 id="dry-head">A redrive now would apply ${applied} and leave ${remaining}</h2>
${table(
  'What a redrive would do with each event',
  ['event', 'version', 'becomes', 'cause', 'detail'],
  events.map(({ event, version, becomes, cause, detail }) => [
    html`<code>${event}</code>`,
    version,
    badge(becomesTone(becomes), becomes),
    cause,
    html`<span class="long">${detail}</span>`,
  ]),
)}<p class="none">Nothing was changed.</p></section>`

function payload({ decoded, bytes, headers }: ParkedRecord): Html {
  if (headers === undefined)
    return nothing('It is behind the first 1 MiB of what is parked of the order, and not shown.')
  return html`${decoded ? lines(decoded) : bytes ? html`<p>It cannot be read. Its bytes:</p>${lines(hexOf(bytes))}` : nothing(bytes === null ? 'It has no value, or you may not see it.' : 'It cannot be read.')}
${
  headers.length === 0
    ? nothing('It has no headers.')
    : table(
        'Headers of the event',
        ['header', 'value'],
        headers.map(({ name, value, encoding }) => [
          html`<code>${name}</code>`,
          html`<span class="long">${value}</span>${encoding && html` <span class="none">${encoding}</span>`}`,
        ]),
      )
}`
}

const mostBytes = 512

/** As `hexdump -C` shows them, the first 512. */
export function hexOf(base64: string): string {
  const bytes = Buffer.from(base64, 'base64')
  const rows = []
  for (let at = 0; at < Math.min(bytes.length, mostBytes); at += 16) {
    const row = bytes.subarray(at, Math.min(at + 16, mostBytes))
    const hex = [...row].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const text = [...row].map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('')
    rows.push(`${at.toString(16).padStart(4, '0')}  ${hex.padEnd(47)}  ${text}`)
  }
  if (bytes.length > mostBytes) rows.push(`... ${bytes.length - mostBytes} bytes more`)
  return rows.join('\n')
}
