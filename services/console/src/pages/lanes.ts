// One order's way as a picture: a lane for each service, a column for each version. The table below it says the same.
import { type ServiceName, serviceNames } from '@inorder/contracts/service-names.ts'
import type { ServiceView, Timeline } from '@inorder/contracts/timeline.ts'
import { type Html, html } from './html.ts'

/** The newest so many versions have a column. */
const mostColumns = 8
const left = 96
const top = 44
const column = 92
const lane = 46
const right = 150

type Mark =
  | 'applied'
  | 'skipped'
  | 'absent'
  | 'coming'
  | 'held'
  | 'behind'
  | 'unknown'
  | 'effect-done'
  | 'effect-declined'
  | 'effect-answered'
  | 'effect'
  | 'effect-held'

const shapes: Record<Mark, (x: number, y: number) => Html> = {
  applied: (x, y) =>
    html`<circle class="applied" cx="${x}" cy="${y}" r="8"/><path class="tick" d="M${x - 4} ${y}l3 3 5-6"/>`,
  skipped: (x, y) => html`<path class="skipped" d="M${x - 6} ${y + 7}l12-14"/>`,
  absent: (x, y) => html`<path class="absent" d="M${x - 7} ${y}h14"/>`,
  coming: (x, y) => html`<circle class="coming" cx="${x}" cy="${y}" r="7"/>`,
  held: (x, y) =>
    html`<rect class="held" x="${x - 9}" y="${y - 9}" width="18" height="18" rx="3"/><path class="cross" d="M${x - 4} ${y - 4}l8 8m0-8l-8 8"/>`,
  behind: (x, y) => html`<path class="behind" d="M${x} ${y - 9}l9 16h-18z"/>`,
  unknown: (x, y) => html`<text class="unknown" x="${x}" y="${y + 5}" text-anchor="middle">?</text>`,
  'effect-done': (x, y) => html`<path class="effect done" d="M${x + 17} ${y - 6}l6 6-6 6-6-6z"/>`,
  'effect-declined': (x, y) =>
    html`<path class="effect declined" d="M${x + 17} ${y - 6}l6 6-6 6-6-6z"/><path class="effect declined" d="M${x + 14} ${y}h6"/>`,
  'effect-answered': (x, y) => html`<path class="effect answered" d="M${x + 17} ${y - 6}l6 6-6 6-6-6z"/>`,
  effect: (x, y) => html`<path class="effect" d="M${x + 17} ${y - 6}l6 6-6 6-6-6z"/>`,
  'effect-held': (x, y) => html`<path class="effect held" d="M${x + 17} ${y - 7}l7 7-7 7-7-7z"/>`,
}

const legend: [Mark, string][] = [
  ['applied', 'applied'],
  ['coming', 'on its way'],
  ['skipped', 'skipped by hand: not applied'],
  ['absent', 'the cart does not have it'],
  ['held', 'held: parked'],
  ['behind', 'waits behind it'],
  ['effect-done', 'charge, refund or label done'],
  ['effect-declined', 'declined'],
  ['effect-answered', 'answered, or nothing left to do'],
  ['effect', 'to be done'],
  ['effect-held', 'parked'],
]

/** Of what cannot be read the version is not known: it stands behind what is applied, and holds up whatever follows. */
const holdsUnread = ({ parked }: ServiceView) =>
  parked.some(({ state, version }) => state === 'head' && version === null)

const isSkipped = ({ skipped = [] }: ServiceView, version: number) =>
  skipped.some(({ from, to }) => from <= version && version <= to)

/** What a service has of a version, as the cart and the others see it: what nobody has comes from nowhere. */
export function markIn({ services }: Timeline, name: ServiceName, version: number): Mark {
  const { cart } = services
  const mark = markOf(services[name]!, version)
  if (!cart?.reachable || version <= (cart.appliedVersion ?? 0) || (mark !== 'coming' && mark !== 'behind')) return mark
  const isThere = Object.values(services).some(
    (view) =>
      view.parked.some((event) => event.version === version) ||
      ((view.appliedVersion ?? 0) >= version && !isSkipped(view, version)),
  )
  return name !== 'cart' && isThere ? mark : 'absent'
}

/** The same, of the service alone. */
export function markOf(view: ServiceView, version: number): Mark {
  if (!view.reachable) return 'unknown'
  const parked = view.parked.find((event) => event.version === version)
  if (parked && parked.state !== 'conflict') return parked.state === 'head' ? 'held' : 'behind'
  if (view.appliedVersion !== null && version <= view.appliedVersion)
    return isSkipped(view, version) ? 'skipped' : 'applied'
  return view.parked.some(({ state }) => state === 'head' || state === 'waiting') ? 'behind' : 'coming'
}

/** The versions that have a column: the newest that anybody knows. */
export function columnsOf({ versions, services, outbox }: Timeline): number[] {
  const views = Object.values(services)
  const known = [
    ...versions.map(({ version }) => version),
    ...views.map(({ appliedVersion }) => appliedVersion ?? 0),
    ...views.flatMap(({ parked }) => parked.map(({ version }) => Number(version ?? 0))),
    ...outbox.map(({ version }) => version ?? 0),
  ]
  const newest = Math.max(1, ...known)
  const first = Math.max(1, newest - mostColumns + 1)
  return Array.from({ length: newest - first + 1 }, (_, n) => first + n)
}

export function lanes(timeline: Timeline): Html {
  const columns = columnsOf(timeline)
  const names = serviceNames.filter((name) => timeline.services[name])
  const width = left + columns.length * column + right
  const height = top + names.length * lane + 8
  const x = (n: number) => left + n * column + column / 2
  const statusOf = (version: number) => timeline.versions.find((of) => of.version === version)?.status ?? ''
  return html`<div class="scroll lanes" role="region" aria-label="The order's way as a picture; the table says the same" tabindex="0">
<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="lanes-title">
<title id="lanes-title">A lane for each service, a column for each version from ${columns[0]} to ${columns.at(-1)}</title>
${columns.map((version, n) => html`<text class="head" x="${x(n)}" y="18" text-anchor="middle">${version}</text><text class="sub" x="${x(n)}" y="34" text-anchor="middle">${shortened(statusOf(version), 12)}</text>`)}
${names.map((name, row) => {
  const view = timeline.services[name]!
  const y = top + row * lane + lane / 2
  const marks = columns.map((version, n) => ({ mark: markIn(timeline, name, version), x: x(n), version }))
  const last = marks.findLast(({ mark }) => mark === 'applied' || mark === 'skipped')
  return html`<g><title>${name}: ${view.reachable ? `applied ${view.appliedVersion ?? 0}, ${view.status ?? 'nothing known'}` : 'does not answer'}</title>
<text class="name" x="0" y="${y + 5}">${name}</text><path class="lane" d="M${left} ${y}H${width - right}"/>${last && html`<path class="lane done" d="M${left} ${y}H${last.x}"/>`}
${marks.map(({ mark, x }) => shapes[mark](x, y))}${holdsUnread(view) && shapes.held((last?.x ?? left - column / 2) + column / 2, y)}
${view.effects.map((effect) => {
  const at = marks.find(({ version }) => version === effect.version)
  return at && shapes[effectMark(effect)](at.x, y)
})}
<text class="state" x="${width - right + 14}" y="${y + 5}">${view.reachable ? shortened(view.status ?? '', 16) : 'no answer'}</text></g>`
})}
</svg></div>
<ul class="legend" aria-hidden="true">${legend.map(([mark, text]) => html`<li><svg viewBox="${mark.startsWith('effect') ? '8 -9 18 18' : '-10 -11 20 22'}" width="18" height="18">${shapes[mark](0, 0)}</svg> ${text}</li>`)}</ul>`
}

/** Of what an effect came to. */
export const isAsWanted = (result: unknown): boolean => ['charged', 'refunded', 'done'].includes(String(result))

export function effectMark({ state, result }: ServiceView['effects'][number]): Mark {
  if (state !== 'done') return state === 'parked' ? 'effect-held' : 'effect'
  if (result === 'declined') return 'effect-declined'
  return isAsWanted(result) ? 'effect-done' : 'effect-answered'
}

const shortened = (text: string, length: number): string => {
  const characters = [...text]
  return characters.length > length ? `${characters.slice(0, length - 1).join('')}…` : text
}
