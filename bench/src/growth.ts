// npm run bench:growth [-- orders outbox ...]: what an order costs as things grow. The points of all curves are measured in
// several rounds, each time in another order, so that a machine that drifts bends no curve; a point is the median.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Bed } from './bed.ts'
import type { Growth } from './charts/lines.ts'
import { type Curve, curves } from './growth/curves.ts'
import { Shops } from './growth/shop.ts'
import { median } from './ratio.ts'
import type { Round } from './results.ts'

const rounds = Number(process.env.GROWTH_ROUNDS ?? 3)
const seconds = Number(process.env.GROWTH_SECONDS ?? 2)
const file = process.env.GROWTH_RESULTS ?? join(import.meta.dirname, '../../growth-results.json')

const names = process.argv.slice(2)
const wanted = curves.filter(({ id }) => names.length === 0 || names.includes(id))
if (wanted.length === 0) throw new Error(`there is no ${names}; there are ${curves.map(({ id }) => id).join(', ')}`)

/** By curve, value of x, and phase. */
const measured = new Map<string, Round[]>()
const at = (curve: Curve, value: number, phase: string) => `${curve.id} ${value} ${phase}`

const bed = new Bed()
await bed.prepare(['none'])
const shops = new Shops(bed, bed.stack('none'))
try {
  for (let round = 0; round < rounds; round++)
    for (const curve of round % 2 ? wanted.toReversed() : wanted)
      for (const value of turned(curve.values, round)) await point(curve, value, round)
} finally {
  await shops.close()
  await bed.close()
}
writeFileSync(file, `${JSON.stringify(wanted.flatMap(chartsOf), null, 2)}\n`)
console.log(`results: ${file}`)

/** Begun elsewhere in each round, and up and down in turns. */
function turned<T>(values: readonly T[], round: number): T[] {
  const from = (round * 2) % values.length
  const some = [...values.slice(from), ...values.slice(0, from)]
  return round % 2 ? some.reverse() : some
}

async function point(curve: Curve, value: number, round: number): Promise<void> {
  const shop = await shops.open(curve.size(value), curve.consumer)
  try {
    const done = await curve.measure({ shop, bed, value, seconds, label: `g${round}` })
    for (const [phase, results] of Object.entries(done)) {
      const key = at(curve, value, phase)
      measured.set(key, [...(measured.get(key) ?? []), ...results])
      const told = Object.entries(results[0]?.cpuMicrosecondsPerOrder ?? {}).map(
        ([part, us]) => `${part} ${us.toFixed(1)}`,
      )
      console.log(`${key}: ${results.map(({ value }) => Math.round(value)).join(', ')}/s; µs: ${told.join(', ')}`)
    }
  } catch (error) {
    // The others are still worth their time.
    console.error(`${curve.id} at ${value} failed:`, error)
    process.exitCode = 1
  } finally {
    await shop.close()
  }
}

/** A chart of the processor time for each phase, and one of how many a second. */
function chartsOf(curve: Curve): Growth[] {
  const { id, title, unit, values, phases, note } = curve
  const x = { name: curve.x, values: [...values] }
  const of = (phase: string, figure: (round: Round) => number) =>
    values.map((value) => {
      const found = (measured.get(at(curve, value, phase)) ?? []).map(figure)
      return found.length > 0 ? Math.round(median(found) * 10) / 10 : null
    })
  const parts = { cart: 'cart', order: 'order service', postgres: 'PostgreSQL', kafka: 'Kafka' }
  const costs = phases.map((phase): Growth => {
    const series = Object.entries(parts).map(([part, name]) => ({
      name,
      values: of(phase, ({ cpuMicrosecondsPerOrder: us }) => us[part] ?? 0),
    }))
    const used = series.filter((one) => one.values.some((us) => us))
    const what = phases.length > 1 ? `, ${phase}` : ''
    return {
      id: `growth-${id}-${phase}`,
      title: `${title}${what}: µs of processor time ${unit}`,
      x,
      series: used,
      note,
    }
  })
  const series = phases.map((phase) => ({ name: phase, values: of(phase, ({ value }) => value) }))
  return [...costs, { id: `growth-${id}`, title: `${title}: how many a second`, x, series }]
}
