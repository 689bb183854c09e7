// How something grows: a line for each series, over a logarithmic x where that begins above 0, and y from 0.
import { escapeXml, figure, lineFrom, margin, Page, round, short, textAt, width, widthOf } from './svg.ts'

export interface Growth {
  id: string
  title: string
  x: { name: string; values: number[] }
  /** As many values as x has; null where nothing was measured. */
  series: { name: string; values: (number | null)[] }[]
  /** Why it is not flat, for the page. */
  note?: string
}

const [left, right, height] = [margin + 34, width - margin - 16, 150]
/** Between the y axis and the first mark. */
const gap = 10
const marks = ['circle', 'square', 'diamond'] as const

export function lineChart({ title, x, series }: Growth): string {
  const told = series.map(({ name, values }) => {
    const points = x.values.map((at, n) => `${figure(at)}: ${figure(values[n] ?? Number.NaN)}`)
    return `${name}, by ${x.name}: ${points.join('; ')}.`
  })
  const page = new Page(title, told.join(' '))
  for (const [n, { name }] of series.entries()) legend(page, name, n)
  const top = page.y + 16
  const bottom = top + height
  const most = niceMost(series.flatMap(({ values }) => values.flatMap((value) => value ?? [])))
  const atX = scaleOf(x.values)
  const atY = (value: number) => bottom - (value / most) * height
  for (const part of [0, 0.5, 1]) {
    page.draw(lineFrom(left, atY(most * part), right, atY(most * part), 'axis'))
    page.draw(textAt(left - 5, atY(most * part) + 4, short(most * part), 'note', 'end'))
  }
  for (const at of readable(x.values, atX)) page.draw(textAt(atX(at), bottom + 16, short(at), 'note', 'middle'))
  for (const [n, { name, values }] of series.entries()) {
    const points = x.values.flatMap((at, i) => (values[i] == null ? [] : [{ at, value: values[i] }]))
    page.draw(
      `<polyline class="line c${n % 6}" points="${points.map(({ at, value }) => `${round(atX(at))},${round(atY(value))}`).join(' ')}"/>`,
      ...points.map(({ at, value }) => mark(atX(at), atY(value), n, `${name}, ${figure(at)}: ${figure(value)}`)),
    )
  }
  page.y = bottom + 20
  page.text(x.name, 'note')
  return page.toString()
}

function legend(page: Page, name: string, n: number): void {
  page.y += 4
  const y = page.y + 9
  page.draw(lineFrom(margin, y, margin + 22, y, `line c${n % 6}`), mark(margin + 11, y, n, name))
  page.y += 16
  page.draw(textAt(margin + 28, page.y - 3, name, 'name'))
}

/** Its title is what a pointer on it shows. */
function mark(x: number, y: number, n: number, title: string): string {
  const [cx, cy, r] = [round(x), round(y), 4]
  const kind = marks[n % marks.length]
  const shape =
    kind === 'circle'
      ? `<circle cx="${cx}" cy="${cy}" r="${r}"`
      : `<rect x="${round(cx - r)}" y="${round(cy - r)}" width="${2 * r}" height="${2 * r}"${kind === 'diamond' ? ` transform="rotate(45 ${cx} ${cy})"` : ''}`
  return `${shape} class="fill c${n % 6}"><title>${escapeXml(title)}</title></${kind === 'circle' ? 'circle' : 'rect'}>`
}

function scaleOf(values: readonly number[]): (value: number) => number {
  const measure = Math.min(...values) > 0 ? Math.log : (value: number) => value
  const [low, high] = [measure(Math.min(...values)), measure(Math.max(...values))]
  return (value) => left + gap + (high > low ? (measure(value) - low) / (high - low) : 0.5) * (right - left - gap)
}

/** Those whose texts do not touch. */
function readable(values: readonly number[], atX: (value: number) => number): number[] {
  let free = Number.NEGATIVE_INFINITY
  return values.filter((value) => {
    const half = widthOf(short(value), 'note') / 2
    if (atX(value) - half < free) return false
    free = atX(value) + half + 4
    return true
  })
}

/** A round number, and no value is above it. */
function niceMost(values: readonly number[]): number {
  const most = Math.max(...values, Number.MIN_VALUE)
  const power = 10 ** Math.floor(Math.log10(most))
  return [1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10].map((times) => times * power).find((nice) => nice >= most) ?? most
}
