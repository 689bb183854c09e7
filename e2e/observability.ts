// `npm run test:observability`: what deploy/observability holds, by Prometheus' own programs. Configurations, rules and their
// cases by promtool; the metrics of each service by its lint; then the query of each panel of each dashboard, by a Prometheus
// that scrapes a stack in which orders are under way and one is parked: each must return samples.
// Not part of `npm test`, because it needs Debian's package `prometheus` (or both programs in the folder PROMETHEUS_BIN).
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { freePort } from '@inorder/testing/ports.ts'
import { endWithUs } from '@inorder/testing/service-process.ts'
import { type Stack, startStack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { parse, stringify } from 'yaml'
import { send } from './http.ts'
import { Shop } from './shop.ts'
import { produce } from './topic.ts'

interface Dashboard {
  panels: { title: string; targets?: { expr: string }[] }[]
}
interface Rule {
  name: string
  state: string
  health: string
  lastError?: string
}

const folder = join(import.meta.dirname, '../deploy/observability')
const services = ['cart', 'order', 'inventory', 'billing', 'shipping']
/** Grafana takes four times the scrape interval, and a query wants two scrapes in it. */
const rateInterval = '10s'

const program = (name: string) => (process.env.PROMETHEUS_BIN ? join(process.env.PROMETHEUS_BIN, name) : name)

function promtool(what: string, args: string[], input?: string): void {
  const { status, stdout, stderr, error } = spawnSync(program('promtool'), args, { input, encoding: 'utf8' })
  if (error) {
    console.error(
      `promtool cannot be run (${error.message}): install Debian's package prometheus, or set PROMETHEUS_BIN`,
    )
    process.exit(1)
  }
  assert.equal(status, 0, `promtool ${args.join(' ')}:\n${stdout}${stderr}`)
  console.log(`✔ ${what}`)
}

for (const config of ['prometheus.yml', 'prometheus-local.yml'])
  promtool(config, ['check', 'config', join(folder, config)])
promtool('the alerts do as their cases say', ['test', 'rules', join(folder, 'alerts.test.yml')])

const data = mkdtempSync(join(tmpdir(), 'inorder-prometheus-'))
let prometheus: ChildProcess | undefined
let stack: Stack | undefined
let failure: unknown
try {
  stack = await startStack()
  const ending = new AbortController()
  const orders = ordersUnderWay(stack, ending.signal)
  const url = await startPrometheus(stack)
  await redriveAsJob(stack)
  for (const service of services) {
    const { text } = await send(`${stack.url(service)}/metrics`)
    const ours = text.split('\n').filter((line) => /^(# \w+ )?inorder_/.test(line))
    promtool(`metrics of ${service}: ${ours.length} lines`, ['check', 'metrics'], `${ours.join('\n')}\n`)
  }
  for (const path of globSync('grafana/dashboards/*.json', { cwd: folder }).sort()) {
    const { panels }: Dashboard = JSON.parse(readFileSync(join(folder, path), 'utf8'))
    for (const { title, targets = [] } of panels)
      for (const { expr } of targets) {
        const samples = await until(`samples of ${title}: ${expr}`, () => query(url, expr))
        console.log(`✔ ${basename(path, '.json')}: ${title}: ${samples.length}`)
      }
  }
  const rules = (await api<{ groups: { rules: Rule[] }[] }>(url, '/rules')).groups.flatMap((group) => group.rules)
  for (const { name, health, lastError } of rules) assert.equal(health, 'ok', `${name}: ${lastError}`)
  assert.notEqual(rules.find(({ name }) => name === 'InorderParked')?.state, 'inactive')
  console.log(`✔ ${rules.length} alerts are evaluated, and that of parked orders is on its way`)
  ending.abort()
  await orders
} catch (error) {
  failure = error
}
prometheus?.kill()
await stack?.stop()
rmSync(data, { recursive: true, force: true })
if (failure) console.error(failure)
process.exit(failure ? 1 : 0)

/** Orders through all services, one after the other, and garbage behind the first of them. */
async function ordersUnderWay(stack: Stack, signal: AbortSignal): Promise<void> {
  const shop = new Shop(stack)
  for (let n = 0; !signal.aborted; n++) {
    await shop.create(`o-${n}`)
    if (n === 0)
      await produce(stack.address('kafka'), 'order-events', [
        { key: Buffer.from('o-0'), value: Buffer.from('garbage') },
      ])
    for (const status of ['confirmed', 'shipped']) await shop.update(`o-${n}`, status)
  }
}

/** What nobody can read is still held afterwards. */
async function redriveAsJob(stack: Stack): Promise<void> {
  const jobs = `${stack.url('order')}/ops/jobs`
  const body = { type: 'redrive', filter: { cause: 'undecodable' } }
  await until('a job is about the parked order', async () => {
    const { total } = (await send(jobs, { method: 'POST', body })).json<{ total: number }>()
    return total === 1
  })
}

/** With the configuration for `npm start`, at the addresses of this stack. */
async function startPrometheus(stack: Stack): Promise<string> {
  const config = parse(readFileSync(join(folder, 'prometheus-local.yml'), 'utf8'))
  Object.assign(config.global, { scrape_interval: '1s', evaluation_interval: '1s' })
  config.rule_files = [join(folder, 'alerts.yml')]
  for (const one of config.scrape_configs[0].static_configs) one.targets = [new URL(stack.url(one.labels.service)).host]
  const file = join(data, 'prometheus.yml')
  writeFileSync(file, stringify(config))
  const address = `127.0.0.1:${await freePort()}`
  const args = [`--config.file=${file}`, `--storage.tsdb.path=${data}/tsdb`, `--web.listen-address=${address}`]
  prometheus = spawn(program('prometheus'), args, { stdio: 'ignore' })
  endWithUs(prometheus)
  const url = `http://${address}`
  await until('Prometheus is ready', async () => (await send(`${url}/-/ready`)).status === 200)
  return url
}

async function api<T>(url: string, path: string): Promise<T> {
  const { status, text } = await send(`${url}/api/v1${path}`)
  assert.equal(status, 200, text)
  return JSON.parse(text).data
}

/** What comes of it now, without what is no number. */
async function query(url: string, expr: string): Promise<string[] | undefined> {
  const asked = encodeURIComponent(expr.replaceAll('$__rate_interval', rateInterval))
  const { result } = await api<{ result: { value: [number, string] }[] }>(url, `/query?query=${asked}`)
  const numbers = result.map(({ value: [, text] }) => text).filter((text) => text !== 'NaN')
  return numbers.length > 0 ? numbers : undefined
}
