// npm run bench [-- B1 B4 ...]: each bench compares two sides, in turns (bench.ts). Without a name all are run.
import { join } from 'node:path'
import { Bed } from './bed.ts'
import { machine, measure } from './bench.ts'
import { benches } from './benches.ts'
import { writeResult } from './results.ts'

const rounds = Number(process.env.BENCH_ROUNDS ?? 7)
const seconds = Number(process.env.BENCH_SECONDS ?? 6)
const warm = Number(process.env.BENCH_WARM ?? 2 * seconds)
const file = process.env.BENCH_RESULTS ?? join(import.meta.dirname, '../../bench-results.json')

const names = process.argv.slice(2)
const isNamed = (id: string) => names.length === 0 || names.some((name) => id === name || id.startsWith(`${name}-`))
const wanted = benches.filter(({ id }) => isNamed(id))
if (wanted.length === 0) throw new Error(`there is no ${names}; there are ${benches.map(({ id }) => id).join(', ')}`)

const bed = new Bed()
try {
  for (const bench of wanted) {
    try {
      writeResult(file, machine(), await measure(bench, bed, { rounds, seconds, warm }))
    } catch (error) {
      // The others are still worth their time.
      console.error(`${bench.id} failed:`, error)
      process.exitCode = 1
    }
  }
} finally {
  await bed.close()
}
console.log(`results: ${file}`)
