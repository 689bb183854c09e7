// The results as Markdown, for docs/performance.md.
import { median } from '../ratio.ts'
import type { Aim, BenchResult, Results } from '../results.ts'
import { cpuText, latencyText, limitText, ratioText, valueText } from './bars.ts'
import type { Growth } from './lines.ts'
import { figure } from './svg.ts'

/** What stands between the page's markers; the charts are in `folder`, by the ids. */
export function resultsText({ machine, date, rounds, benches }: Results, folder: string): string {
  return [
    `${machine}; ${rounds} rounds a side, in turns, ${date.slice(0, 10)}. A figure is the median of the rounds, with the lowest and the highest; a ratio is that of pairs.`,
    aimsTable(benches),
    ...benches.map((bench) => benchText(bench, folder)),
  ].join('\n\n')
}

export function growthText(growth: readonly Growth[], folder: string): string {
  const parts = growth.map((one) => [
    `### ${cell(one.title)}\n![${cell(one.title)}](${folder}/${one.id}.svg)`,
    growthTable(one),
    ...(one.note ? [one.note] : []),
  ])
  return parts.flat().join('\n\n')
}

function aimsTable(benches: readonly BenchResult[]): string {
  const rows = benches.flatMap((bench) =>
    bench.aims.map((aim) => {
      const now = reached(bench, aim)
      const met = now >= (aim.atLeast ?? Number.NEGATIVE_INFINITY) && now <= (aim.atMost ?? Number.POSITIVE_INFINITY)
      const before = aim.before === undefined ? '' : figure(aim.before)
      return [bench.id, measureOf(bench, aim), before, limitText(aim), figure(now), met ? 'met' : '**not met**']
    }),
  )
  return table(['', 'measure', 'before', 'aim', 'now', ''], rows)
}

function benchText(bench: BenchResult, folder: string): string {
  const { id, title, sides, date, commit } = bench
  const rows = sides.map((side) => [side.name, valueText(side), latencyText(side) ?? '', cpuText(side)])
  const measured = `${ratioText(bench)}. Measured ${date.slice(0, 10)}, ${commit}.`
  return `### ${id}: ${cell(title)}\n![${id}](${folder}/${id}.svg)\n\n${table(['side', 'median (range)', 'time', 'processor'], rows)}\n\n${measured}`
}

function growthTable({ x, series }: Growth): string {
  const rows = x.values.map((at, n) => [figure(at), ...series.map(({ values }) => figure(values[n] ?? Number.NaN))])
  return table([x.name, ...series.map(({ name }) => name)], rows)
}

function measureOf({ sides: [{ unit }] }: BenchResult, { of }: Aim): string {
  if (of === 'ratio') return 'ratio'
  if (of === 'value') return unit
  return of === 'cpu' ? 'µs of processor time' : `µs of processor time, ${of.slice('cpu.'.length)}`
}

function reached({ ratio, sides: [{ rounds }] }: BenchResult, { of }: Aim): number {
  if (of === 'ratio') return ratio.median
  if (of === 'value') return median(rounds.map(({ value }) => value))
  const part = of.slice('cpu.'.length)
  return median(
    rounds.map(({ cpuMicrosecondsPerOrder: parts }) =>
      of === 'cpu' ? Object.values(parts).reduce((sum, us) => sum + us, 0) : (parts[part] ?? Number.NaN),
    ),
  )
}

const table = (head: string[], rows: string[][]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.map(cell).join(' | ')} |`).join('\n')

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
