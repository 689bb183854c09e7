// npm run bench:cost [-- cart,order]: what log lines and traces cost, each against a stack without them.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { comparePairs, type PairSide } from './pairs.ts'

const [services = 'cart,order'] = process.argv.slice(2)
// It is a process of its own, which no part's time counts, and ends with this one.
const collector = spawn(process.execPath, [join(import.meta.dirname, 'programs/collector.ts')], {
  stdio: ['pipe', 'pipe', 'inherit'],
})
const [url] = await once(collector.stdout.setEncoding('utf8'), 'data')
const traced = (share: number): PairSide => ({
  name: `traces ${share}`,
  env: { OTEL_EXPORTER_OTLP_ENDPOINT: url.trim(), OTEL_TRACES_SAMPLER_ARG: String(share) },
})
try {
  const without = { name: 'without' }
  for (const side of [{ name: 'log lines', env: { LOG_LEVEL: 'info' } }, traced(0), traced(0.1), traced(1)])
    await comparePairs([side, without], { LOG_LEVEL: 'warn', INORDER_SERVICES: services })
} finally {
  collector.kill()
}
