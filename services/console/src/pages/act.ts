// Forms that change something. Each works without JavaScript: it is posted, and answered with a redirect to what it did.
import { type Html, html } from './html.ts'

/** One name for each thing that can be done here: operations.ts says what each asks of which service. */
export type Operation =
  | 'redrive'
  | 'discard'
  | 'effect-redrive'
  | 'effect-discard'
  | 'set-aside-redrive'
  | 'set-aside-discard'
  | 'held-release'
  | 'job-begin'
  | 'job-cancel'
  | 'job-continue'
  | 'resume'
  | 'create'
  | 'update'
  | 'poison'

interface Choices {
  /** Asks for the reason, without which it is not done. */
  reason?: boolean
  canary?: boolean
  skipVersion?: boolean
}

const carried = [
  ...(['service', 'key', 'event', 'effect', 'cause', 'detail', 'dryRun', 'id', 'what', 'kind'] as const),
  ...(['skipVersion', 'dropWaiting'] as const),
]

/** `fields`: of what it is done. Whatever asks for more than a press stands behind a summary. */
export function act(operation: Operation, fields: object, text: string, choices: Choices = {}): Html {
  const given = carried.flatMap((name) => {
    const value = Reflect.get(fields, name) as unknown
    return typeof value === 'string' || typeof value === 'number' ? [[name, value] as const] : []
  })
  const form = html`<form method="post" action="/do/${operation}">
${given.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
${choices.reason && html`<label>Reason <input name="reason" required maxlength="1000" autocomplete="off"></label>`}
${choices.skipVersion && html`<label class="check"><input type="checkbox" name="skipVersion" value="yes"> Skip its version too: the order goes on without it</label>`}
${choices.canary && html`<label class="check"><input type="checkbox" name="canary" value="yes" checked> Canary: 1 order first, then 10, 100, ...; stop where one fails</label>`}
<button class="${operation.endsWith('discard') && 'danger'}">${text}</button></form>`
  return Object.values(choices).some(Boolean)
    ? html`<details class="act"><summary class="button">${text}</summary>${form}</details>`
    : form
}
