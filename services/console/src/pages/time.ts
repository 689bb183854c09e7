import { type Html, html } from './html.ts'

const steps: [seconds: number, name: string][] = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
]

/** How long ago, in the largest unit of which there are two, or one of the smallest: `5 s`, `3 min`, `26 h`, `3 d`. */
export function ageOf(time: string, now: number): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(time)) / 1_000))
  const [unit, name] = steps.find(([length]) => seconds >= 2 * length) ?? [1, 's']
  return `${Math.floor(seconds / unit)} ${name} ago`
}

/** A time in UTC with its age, which static/console.js keeps up to date. Whatever is no time is shown as it is. */
export function when(time: string | null | undefined, now: number): Html {
  if (time === null || time === undefined) return html`<span class="none">none</span>`
  const at = Date.parse(time)
  if (Number.isNaN(at)) return html`${time}`
  const utc = new Date(at).toISOString()
  const shown = `${utc.slice(0, 10)} ${utc.slice(11, 19)} UTC`
  return html`<time datetime="${utc}" title="${utc}">${shown} <span class="age">${ageOf(utc, now)}</span></time>`
}

/** Its age alone, where the time is told already. */
export const age = (time: string, now: number): Html =>
  html`<time datetime="${time}" title="${time}"><span class="age">${ageOf(time, now)}</span></time>`
