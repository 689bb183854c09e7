import { type Html, html } from './html.ts'
import { type Need, needsOf, type Trouble } from './needs.ts'
import { badge, nothing, table } from './parts.ts'
import { when } from './time.ts'

/** The charts' names, as `figures.ts` and `static/charts.js` have them. */
const charts = [
  ['creates', 'Orders created', 'per second'],
  ['latency', 'End to end', 'ms from the cart to a service, median and p99'],
  ['lag', 'Lag', 'records not applied yet, by service'],
  ['outbox', 'Outbox', 'events that Kafka has not acknowledged yet, by service'],
] as const

export const overview = (trouble: Trouble, now: number): Html => html`
<section aria-labelledby="needs-head"><h2 id="needs-head">Needs someone now</h2>
<div id="needs" data-live>${needs(trouble, now)}</div></section>
<div id="by-itself" data-live>${byItself(trouble, now)}</div>
<section aria-labelledby="figures-head"><h2 id="figures-head">Figures</h2>
<div class="charts">${charts.map(
  ([name, title, unit]) => html`
<figure class="chart" id="chart-${name}" data-chart="${name}"><figcaption><b>${title}</b> <span>${unit}</span> <output class="now"></output></figcaption><div class="plot"></div></figure>`,
)}
</div><noscript><p>The charts need JavaScript; the same figures are at <code>/metrics</code> of each service.</p></noscript></section>
<section aria-labelledby="parts-head"><h2 id="parts-head">Services</h2>
<div id="parts" data-live>${health(trouble)}</div></section>`

function needs(trouble: Trouble, now: number): Html {
  const held = needsOf(trouble).filter(({ tone }) => tone === 'held')
  if (held.length > 0) return list(held, now)
  return html`<p class="allright">${badge('good', 'all right')} Nothing waits for anybody.</p>`
}

function byItself(trouble: Trouble, now: number): Html | false {
  const waiting = needsOf(trouble).filter(({ tone }) => tone === 'waiting')
  return (
    waiting.length > 0 &&
    html`<section aria-labelledby="by-itself-head"><h2 id="by-itself-head">Comes back by itself, and needs nobody</h2>${list(waiting, now)}</section>`
  )
}

const list = (needs: Need[], now: number): Html =>
  html`<ol class="needs">${needs.map(
    ({ tone, about, places, cause, what, detail, since }) => html`
<li class="${tone}"><p>${places.map(({ service, href }, n) => html`${n > 0 && ', '}${href === undefined ? service : html`<a href="${href}">${service}</a>`}`)}: <b>${what}</b> ${badge(tone === 'held' ? 'bad' : 'wait', cause)}</p>
<p class="detail">${detail}${about === 'service' && html` <code>npx inorder doctor</code>, in the folder of inorder, names its process and its log; <code>docs/runbooks/down.md</code> says what to do.`}</p>${since !== null && html`<p class="since">since ${when(since, now)}</p>`}</li>`,
  )}</ol>`

const health = ({ health }: Trouble): Html =>
  health.length === 0
    ? nothing('No service is known.')
    : table(
        'Services and what they miss',
        ['service', 'state', 'missing'],
        health.map(({ service, missing }) => [
          html`<b>${service}</b>`,
          missing === null
            ? badge('bad', 'no answer')
            : missing.length > 0
              ? badge('wait', 'not ready')
              : badge('good', 'ready'),
          missing?.join(', '),
        ]),
      )
