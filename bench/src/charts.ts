// npm run bench:charts: what is kept of measurements (docs/performance/*.json) as charts beside it, and as tables in
// docs/performance.md.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { barChart } from './charts/bars.ts'
import { type Growth, lineChart } from './charts/lines.ts'
import { growthText, resultsText } from './charts/tables.ts'
import { readResults } from './results.ts'

const docs = join(import.meta.dirname, '../../docs')
const folder = join(docs, 'performance')
const page = join(docs, 'performance.md')

const results = readResults(join(folder, 'results.json'))
const growthFile = join(folder, 'growth.json')
const growth: Growth[] = existsSync(growthFile) ? JSON.parse(readFileSync(growthFile, 'utf8')) : []

for (const bench of results?.benches ?? []) writeFileSync(join(folder, `${bench.id}.svg`), barChart(bench))
for (const one of growth) writeFileSync(join(folder, `${one.id}.svg`), lineChart(one))

let text = readFileSync(page, 'utf8')
if (results) text = between(text, 'results', resultsText(results, 'performance'))
if (growth.length > 0) text = between(text, 'growth', growthText(growth, 'performance'))
writeFileSync(page, text)
console.log(`${results?.benches.length ?? 0} comparisons and ${growth.length} of growth are in ${page}`)

/** What stands between `<!-- name: ... -->` and `<!-- /name -->` is replaced. */
function between(text: string, name: string, part: string): string {
  const place = new RegExp(`(<!-- ${name}:[^>]*-->\n)[^]*?(<!-- /${name} -->)`)
  if (!place.test(text)) throw new Error(`${page} has no place for ${name}`)
  return text.replace(place, (_, begin, end) => `${begin}${part}\n${end}`)
}
