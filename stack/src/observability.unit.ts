// Dashboards, alerts, their pages and docs/observability.md against the metrics that there are: a name that is changed in one
// place only fails here. What the queries return is for `npm run test:observability`.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { services } from './services.ts'
import { root } from './settings.ts'

interface Alerts {
  groups: { rules: { alert: string; expr: string; annotations: { runbook_url: string } }[] }[]
}
interface Cases {
  tests: { alert_rule_test: { alertname: string; exp_alerts?: unknown[] }[] }[]
}

const read = (path: string) => readFileSync(join(root, path), 'utf8')
const files = (pattern: string) => globSync(pattern, { cwd: root }).sort()
const sources = files('{packages,services}/*/src/**/*.ts').filter((path) => !/\.(unit|int|fixture)\.ts$/.test(path))
const metrics = new Set(
  sources.flatMap((path) => [...read(path).matchAll(/'(inorder_[a-z_]+)'/g)].map(([, name]) => name)),
)
const rules = (parse(read('deploy/observability/alerts.yml')) as Alerts).groups.flatMap((group) => group.rules)
const dashboards = files('deploy/observability/grafana/dashboards/*.json')

const namesIn = (text: string) => [...text.matchAll(/\binorder_[a-z_]+/g)].map(([name]) => name)

test('every metric that a dashboard or an alert asks for is there', () => {
  const texts = [...rules.map(({ expr }) => expr), ...dashboards.map(read)]
  for (const name of texts.flatMap(namesIn))
    assert.ok(metrics.has(name) || metrics.has(name.replace(/_(bucket|sum|count)$/, '')), name)
})

test('every metric is on the page, and no other', () => {
  const page = [...read('docs/observability.md').matchAll(/^\| `(inorder_[a-z_]+)/gm)].map(([, name]) => name)
  assert.deepEqual(page.sort(), [...metrics].sort())
})

test('every alert has its own page and cases, one of them in which it fires; and there are no other pages', () => {
  const { tests } = parse(read('deploy/observability/alerts.test.yml')) as Cases
  const cases = tests.flatMap((one) => one.alert_rule_test)
  for (const { alert, annotations } of rules) {
    assert.match(read(annotations.runbook_url), new RegExp(`^# ${alert}\n`))
    const own = cases.filter(({ alertname }) => alertname === alert)
    assert.ok(
      own.some(({ exp_alerts }) => exp_alerts),
      `${alert} fires in no case`,
    )
  }
  const pages = rules.map(({ annotations }) => basename(annotations.runbook_url))
  assert.deepEqual(
    pages.sort(),
    files('docs/runbooks/*.md').map((path) => basename(path)),
  )
})

test('Prometheus scrapes every service with a database, at its port', () => {
  const local = parse(read('deploy/observability/prometheus-local.yml'))
  const compose = parse(read('deploy/observability/prometheus.yml'))
  const wanted = services.filter(({ database }) => database).map(({ name, port }) => [name, port])
  type Static = { targets: [string]; labels: { service: string } }
  const statics = local.scrape_configs[0].static_configs.map(({ targets, labels }: Static) => [
    labels.service,
    Number(targets[0].split(':')[1]),
  ])
  assert.deepEqual(statics, wanted)
  type Dns = { names: [string]; port: number }
  assert.deepEqual(
    compose.scrape_configs[0].dns_sd_configs.map(({ names, port }: Dns) => [names[0], port]),
    wanted,
  )
})
