// A comparison as bars: of each side the median, with a whisker from its lowest round to its highest.
import { median } from '../ratio.ts'
import type { Aim, BenchResult, Side } from '../results.ts'
import { figure, lineFrom, margin, Page, round, width } from './svg.ts'

const barHeight = 18

export function barChart(result: BenchResult): string {
  const { id, title, sides } = result
  const told = sides.map((side) => `${side.name}: ${valueText(side)}. ${cpuText(side)}`)
  const page = new Page(`${id}: ${title}`, `${told.join(' ')} ${ratioText(result)}`)
  const values = sides.flatMap(({ rounds }) => rounds.map(({ value }) => value))
  const most = Math.max(...values, Number.MIN_VALUE)
  const x = (value: number) => margin + (value / most) * (width - 2 * margin)
  for (const [n, side] of sides.entries()) {
    page.y += 8
    page.pair(side.name, valueText(side))
    bar(page, side, x, n)
    page.text(cpuText(side), 'note')
    const times = latencyText(side)
    if (times) page.text(times, 'note')
  }
  page.y += 6
  page.draw(lineFrom(margin, page.y, width - margin, page.y, 'axis'))
  page.y += 4
  page.text(ratioText(result), 'strong')
  if (/^m?s$/.test(sides[0].unit)) page.text('less is better', 'note')
  return page.toString()
}

function bar(page: Page, side: Side, x: (value: number) => number, n: number): void {
  const { mid, min, max } = rangeOf(side)
  const [top, middle] = [page.y, page.y + barHeight / 2]
  page.draw(
    `<rect class="fill c${n}" x="${margin}" y="${round(top)}" width="${round(Math.max(x(mid) - margin, 1))}" height="${barHeight}"/>`,
    lineFrom(x(min), middle, x(max), middle, 'range'),
    ...[min, max].map((end) => lineFrom(x(end), top + 4, x(end), top + barHeight - 4, 'range')),
  )
  page.y += barHeight + 1
}

const rangeOf = ({ rounds }: Side) => {
  const values = rounds.map(({ value }) => value)
  return { mid: median(values), min: Math.min(...values), max: Math.max(...values) }
}

/** `11,600 (10,900–12,100) orders/s` */
export function valueText(side: Side): string {
  const { mid, min, max } = rangeOf(side)
  return `${figure(mid)} (${figure(min)}–${figure(max)}) ${side.unit}`
}

/** `190 µs of processor time an order: cart 90, postgres 60` */
export function cpuText({ unit, rounds }: Side): string {
  const parts = [...new Set(rounds.flatMap((r) => Object.keys(r.cpuMicrosecondsPerOrder)))]
    .map((part) => [part, median(rounds.map((r) => r.cpuMicrosecondsPerOrder[part] ?? 0))] as const)
    .filter(([, us]) => us >= 0.5)
    .sort(([, a], [, b]) => b - a)
  if (parts.length === 0) return 'processor time not known'
  const all = median(rounds.map((r) => Object.values(r.cpuMicrosecondsPerOrder).reduce((sum, us) => sum + us, 0)))
  const one = /^(\w+)s\/s$/.exec(unit)?.[1] ?? 'order'
  return `${figure(all)} µs of processor time ${/^[aeiou]/.test(one) ? 'an' : 'a'} ${one}: ${parts.map(([part, us]) => `${part} ${figure(us)}`).join(', ')}`
}

export function latencyText({ rounds }: Side): string | undefined {
  const of = (name: 'p50' | 'p99') => rounds.flatMap((r) => r[name] ?? [])
  const parts = (['p50', 'p99'] as const).flatMap((name) =>
    of(name).length ? `${name} ${figure(median(of(name)))} ms` : [],
  )
  return parts.join(', ') || undefined
}

/** `ratio 5.1 (4.7–5.5), aim: at least 5` */
export function ratioText({ ratio, aims }: BenchResult): string {
  const aim = aims.find(({ of }) => of === 'ratio')
  return `ratio ${figure(ratio.median)} (${figure(ratio.min)}–${figure(ratio.max)})${aim ? `, aim: ${limitText(aim)}` : ''}`
}

export function limitText({ atLeast, atMost }: Aim): string {
  return [
    ...(atLeast === undefined ? [] : [`at least ${figure(atLeast)}`]),
    ...(atMost === undefined ? [] : [`at most ${figure(atMost)}`]),
  ].join(', ')
}
