import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { root, sources } from './checks.ts'

/** A tree of one file for each import, and what the rules say of it: `rule: file`, sorted. */
function violations(files: Record<string, string>): string[] {
  const tree = mkdtempSync(join(tmpdir(), 'inorder-imports-'))
  const targets = {
    'packages/contracts/src/order.ts': 'export type Order = { orderId: string }',
    'packages/storage/src/pool.ts': 'export const pool = 1',
    'packages/messaging/src/kafka/producer.ts': `import { Producer } from '@platformatic/kafka'; export const p = Producer`,
    'packages/messaging/package.json':
      '{"dependencies":{"@platformatic/kafka":"1","@opentelemetry/sdk-trace-base":"1"}}',
    'packages/http/src/app.ts': 'export const app = 1',
    'packages/cli/src/text.ts': 'export const shown = 1',
    'services/order/src/store.ts': 'export const store = 1; export type Row = { id: string }',
    'testing/src/until.ts': 'export const until = 1',
    'node_modules/@platformatic/kafka/package.json':
      '{"name":"@platformatic/kafka","version":"1.0.0","main":"index.js"}',
    'node_modules/@platformatic/kafka/index.js': 'exports.Producer = 1',
    'node_modules/@opentelemetry/sdk-trace-base/package.json':
      '{"name":"@opentelemetry/sdk-trace-base","version":"1.0.0","main":"index.js"}',
    'node_modules/@opentelemetry/sdk-trace-base/index.js': 'exports.provider = 1',
    'package.json': '{"dependencies":{"@platformatic/kafka":"1","@opentelemetry/sdk-trace-base":"1"}}',
  }
  for (const folder of sources) mkdirSync(join(tree, folder), { recursive: true })
  for (const [path, text] of Object.entries({ ...targets, ...files })) {
    mkdirSync(dirname(join(tree, path)), { recursive: true })
    writeFileSync(join(tree, path), text)
  }
  const tool = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs')
  const config = join(root, '.dependency-cruiser.cjs')
  const args = [tool, '--config', config, '--output-type', 'json', ...sources]
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: tree, encoding: 'utf8' })
  assert.ok(stdout, stderr)
  const found: { rule: { name: string }; from: string }[] = JSON.parse(stdout).summary.violations
  return found.map(({ rule, from }) => `${rule.name}: ${from}`).sort()
}

test('imports in the right direction pass', () => {
  const files = {
    'services/cart/src/store.ts': `import { pool } from '../../../packages/storage/src/pool.ts'; export const s = pool`,
    'packages/contracts/src/events.ts': `import { p } from '../../messaging/src/kafka/producer.ts'; export const e = p`,
    'packages/messaging/src/outbox/add.ts': `import { p } from '../kafka/producer.ts'; export const a = p`,
    'packages/messaging/src/outbox/on.ts': `export const on = () => import('@opentelemetry/sdk-trace-base')`,
    'packages/messaging/src/outbox/add.unit.ts': `import { until } from '../../../../testing/src/until.ts'; until`,
  }
  assert.deepEqual(violations(files), [])
})

test('each import in a wrong direction is caught, imports of types too', () => {
  const wrong = {
    'packages/cli/src/app.ts': `import { app } from '../../http/src/app.ts'; app`,
    'packages/storage/src/up.ts': `import { p } from '../../messaging/src/kafka/producer.ts'; p`,
    'packages/http/src/aside.ts': `import { pool } from '../../storage/src/pool.ts'; pool`,
    'packages/messaging/src/outbox/client.ts': `import { Producer } from '@platformatic/kafka'; Producer`,
    'packages/messaging/src/outbox/on.ts': `import { provider } from '@opentelemetry/sdk-trace-base'; provider`,
    'packages/messaging/src/outbox/until.ts': `import { until } from '../../../../testing/src/until.ts'; until`,
    'packages/messaging/src/kafka/up.ts': `import type { D } from '../outbox/down.ts'; export type U = D`,
    'packages/messaging/src/outbox/down.ts': `export type D = 1`,
    'packages/messaging/src/inbox/a.ts': `import type { B } from './b.ts'; export type A = B`,
    'packages/messaging/src/inbox/b.ts': `import type { A } from './a.ts'; export type B = A | 1`,
    'packages/messaging/src/log/one.ts': `export const one = 1`,
    'packages/messaging/src/log/two.ts': `import { one } from './one.ts'; one`,
    'packages/messaging/src/effects/order.ts': `import type { Order } from '../../../contracts/src/order.ts'; export type O = Order`,
    'services/cart/src/neighbour.ts': `import type { Row } from '../../order/src/store.ts'; export type R = Row`,
    'services/cart/src/shown.ts': `import { shown } from '../../../packages/cli/src/text.ts'; shown`,
    'stack/src/inside.ts': `import { store } from '../../services/order/src/store.ts'; store`,
    'e2e/inside.ts': `import { store } from '../services/order/src/store.ts'; store`,
    'bench/one.ts': `import { two } from './two.ts'; export const one = () => two`,
    'bench/two.ts': `import { one } from './one.ts'; export const two = () => one`,
    'e2e/nowhere.ts': `import './nothing.ts'`,
  }
  assert.deepEqual(violations(wrong), [
    'cli-on-what-is-asked-and-answered: packages/cli/src/app.ts',
    'http-knows-no-messaging: packages/http/src/aside.ts',
    'kafka-client-behind-its-adapter: packages/messaging/src/outbox/client.ts',
    'ladder-has-no-other-step: packages/messaging/src/log/two.ts',
    'ladder-kafka: packages/messaging/src/kafka/up.ts',
    'messaging-on-storage: packages/messaging/src/effects/order.ts',
    'messaging-on-storage: packages/messaging/src/outbox/until.ts',
    'no-cycle-of-types-either: packages/messaging/src/inbox/a.ts',
    'no-cycle: bench/one.ts',
    'no-import-of-a-service: e2e/inside.ts',
    'no-import-of-a-service: stack/src/inside.ts',
    'no-testing-in-production: packages/messaging/src/outbox/until.ts',
    'nothing-on-the-cli: services/cart/src/shown.ts',
    'opentelemetry-sdk-only-when-it-is-on: packages/messaging/src/outbox/on.ts',
    'resolvable: e2e/nowhere.ts',
    'services-on-packages: services/cart/src/neighbour.ts',
    'stack-starts-services-as-processes: stack/src/inside.ts',
    'storage-stands-alone: packages/storage/src/up.ts',
  ])
})
