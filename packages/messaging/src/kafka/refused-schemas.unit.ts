import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isolatingRefusals } from './refused-schemas.ts'
import { RegistryDenied, RegistryUnavailable, UnknownSchema } from './registry.ts'

/** It gives no schema but 1; `isAway`: nor the subject's. `again` asks for schema 7 after so many seconds. */
function rig(t: { mock: typeof import('node:test').mock }) {
  let now = 1_000
  t.mock.method(performance, 'now', () => now)
  const state = { isAway: false, refuses: true }
  const registry = isolatingRefusals(
    {
      schemaOf: async (id) => {
        if (id !== 1 && state.refuses) throw new RegistryDenied(`the schema registry refuses /schemas/ids/${id} (403)`)
        return '"string"'
      },
      serves: async () => !state.isAway,
    },
    'order-events-value',
  )
  const again = (seconds: number) => {
    now += seconds * 1_000
    return registry.schemaOf(7)
  }
  return { state, registry, again }
}

test('one schema that the registry does not give away for a minute is unknown, and asked for again', async (t) => {
  const { state, registry, again } = rig(t)
  for (const seconds of [0, 5, 5, 5, 44]) await assert.rejects(again(seconds), RegistryUnavailable)
  const told = { name: 'UnknownSchema', message: /serves the schema of order-events-value, and not schema 7: .*403/ }
  await assert.rejects(again(1), told)
  await assert.rejects(again(0), UnknownSchema)
  assert.equal(await registry.schemaOf(1), '"string"')
  state.refuses = false
  assert.equal(await again(1), '"string"')
  state.refuses = true
  await assert.rejects(again(0), RegistryUnavailable, 'its minute begins anew')
})

test('in an outage nothing becomes unknown, however long it lasts; after it the minute begins anew', async (t) => {
  const { state, again } = rig(t)
  for (let n = 0; n < 5; n++) await assert.rejects(again(1), RegistryUnavailable)
  state.isAway = true
  for (let n = 0; n < 100; n++) await assert.rejects(again(60), RegistryUnavailable)
  state.isAway = false
  await assert.rejects(again(60), RegistryUnavailable)
})

test('after a silence a few failures are not enough, whatever the time', async (t) => {
  const { again } = rig(t)
  for (const seconds of [0, 600, 600, 600]) await assert.rejects(again(seconds), RegistryUnavailable)
  await assert.rejects(again(600), UnknownSchema)
})
