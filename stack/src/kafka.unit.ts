import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { assertSameBrokers, clusterIdOf } from './kafka.ts'
import { readSettings } from './settings.ts'

/** Settings for so many brokers, over a data folder in which these have a storage. */
function settings(brokers: number, ...formatted: string[]) {
  const data = mkdtempSync(join(tmpdir(), 'inorder-kafka-'))
  for (const name of formatted) {
    mkdirSync(join(data, name, 'log'), { recursive: true })
    writeFileSync(join(data, name, 'log/meta.properties'), '#\nversion=1\ncluster.id=id-of-cluster\nnode.id=1\n')
  }
  return readSettings({ INORDER_DATA: data }, ['--brokers', String(brokers)])
}

test('data of another number of brokers is refused, in one line that names the number', () => {
  const refused = (before: number) => new RegExp(`^StartFailure: [^\n]*--brokers ${before}[^\n]*INORDER_DATA[^\n]*$`)
  assert.throws(() => assertSameBrokers(settings(3, 'kafka')), refused(1))
  assert.throws(() => assertSameBrokers(settings(1, 'kafka-1', 'kafka-2', 'kafka-3')), refused(3))
  for (const same of [settings(1), settings(3), settings(1, 'kafka'), settings(3, 'kafka-1', 'kafka-2')])
    assertSameBrokers(same)
})

test('brokers formatted later, after a start that ended half-way, get the id of the first', () => {
  assert.equal(clusterIdOf(settings(3, 'kafka-2')), 'id-of-cluster')
  assert.match(clusterIdOf(settings(3)), /^[\w][\w-]{21}$/)
})
