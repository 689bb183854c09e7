import { consumers } from '@inorder/contracts/service-names.ts'
import type { PartitionPosition } from '@inorder/messaging/inbox/ops.ts'
import type { Lists } from '../viewer.ts'
import { type Html, html } from './html.ts'
import { badge, nothing, table } from './parts.ts'

const number = (value: number | null): Html =>
  value === null
    ? html`<span class="none">not known</span>`
    : html`<span class="number">${value.toLocaleString('en')}</span>`

export const topics = ({ items, silent }: Lists<PartitionPosition>): Html => html`
<p class="lead">How far each service has applied <code>order-events</code>. Next is the offset that comes next, end is where the log ends, lag is what lies between.</p>
<div class="pairs">${consumers.map((service) => {
  const positions = items.filter((position) => position.service === service)
  const lag = positions.reduce((sum, { lag }) => sum + (lag ?? 0), 0)
  return html`<section aria-labelledby="of-${service}"><h2 id="of-${service}">${service} ${lag > 0 && badge('move', `lag ${lag.toLocaleString('en')}`)}</h2>
<div id="positions-${service}" data-live>${
    silent.includes(service)
      ? nothing(`${service} does not answer.`)
      : table(
          `Positions of ${service}`,
          ['partition', 'next', 'end', 'lag', 'owner'],
          positions.map(({ partition, next, end, lag, owner, stalledSeconds }) => [
            partition,
            number(next),
            number(end),
            html`${number(lag)}${stalledSeconds !== null && html` ${badge('bad', `tried again for ${stalledSeconds} s`)}`}`,
            html`<span class="none">${owner ?? 'not known'}</span>`,
          ]),
        )
  }</div></section>`
})}</div>`
