// Small pieces of markup that several pages show alike.
import { problems } from '@inorder/contracts/problems.ts'
import type { Answer } from '../services.ts'
import { type Html, html, type Value } from './html.ts'

export type Tone = 'bad' | 'wait' | 'move' | 'good' | 'plain'

/** A word in a colour; the word alone says it too. */
export const badge = (tone: Tone, text: Value): Html => html`<span class="badge ${tone}">${text}</span>`

/** A wide table scrolls in itself, also by keyboard, so that the page does not. */
export const table = (name: string, heads: readonly Value[], rows: readonly (readonly Value[])[]): Html => html`
<div class="scroll" role="region" aria-label="${name}" tabindex="0"><table>
<thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody>
</table></div>`

export const nothing = (text: Value): Html => html`<p class="nothing">${text}</p>`

/** What a service answered instead of what was asked for. */
export function refusal(answer: Answer, service: string): Html {
  if (!answer.reachable)
    return html`<div class="notice bad" role="alert"><p><b>${service} did not answer in time.</b></p></div>`
  const { title, detail, type, errors } = Object(answer.body) as {
    title?: string
    detail?: string
    type?: string
    errors?: { field: string; message: string }[]
  }
  const name = String(type).replace('/problems/', '')
  const page = Object.hasOwn(problems, name) && html` <a href="/problems/${name}">What this means</a>`
  return html`<div class="notice bad" role="alert"><p><b>${service}: ${title ?? `status ${answer.status}`}.</b> ${detail}${page}</p>${errors && html`<ul>${errors.map(({ field, message }) => html`<li>${field} ${message}</li>`)}</ul>`}</div>`
}

export const lines = (value: unknown): Html =>
  html`<pre tabindex="0">${typeof value === 'string' ? value : JSON.stringify(value, null, 2)}</pre>`

/** Links to the next page of a list, and to its first. */
export const pager = (path: string, query: string, next: string | null, isFirst: boolean): Html => html`
<nav class="pager" aria-label="Pages of the list">${!isFirst && html`<a href="${path}${query}" rel="first">First page</a>`} ${next !== null && html`<a href="${path}${query}${query === '' ? '?' : '&'}after=${encodeURIComponent(next)}" rel="next">Next page</a>`}</nav>`

/** `12,345`. */
export const figure = (number: number): string => number.toLocaleString('en')

export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${figure(count)} ${count === 1 ? one : many}`
