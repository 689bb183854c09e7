import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { transaction } from '@inorder/storage/transaction.ts'
import { unique } from '@inorder/testing/parts.ts'
import { rowsRead } from '@inorder/testing/rows-read.ts'
import { until } from '@inorder/testing/until.ts'
import { CommitsHeld } from '../inbox/commits-held.fixture.ts'
import { ann, pausesOf } from '../inbox/pauses-rig.fixture.ts'
import { effectsRig, event, settle } from './rig.fixture.ts'
import { claimEffects, storedEffects } from './store.ts'

const rig = await effectsRig()
after(() => rig.close())
const { pauses, waits } = pausesOf(rig.pool)
const calls = { what: 'effects', name: 'call' } as const
const all = { what: 'effects', name: '' } as const

/** Version 1 of a key, which asks for effects of these kinds. */
const asking = (key: string, ...kinds: string[]) =>
  event(key, 1, 0, { effects: kinds.map((kind) => ({ kind, payload: kind })) })

test('rule 25: a kind of effects is paused: what runs ends, its keys wait, others go on; resumed, all is done in order', async () => {
  const [a, b, c] = [unique('a'), unique('b'), unique('c')]
  const begun: string[] = []
  const { promise: answered, resolve: answer } = Promise.withResolvers<string>()
  const perform = ({ id }: { id: string }) => {
    begun.push(id)
    return answered
  }
  const kinds = { call: { perform, settle }, mail: { perform: async () => 'sent', settle } }
  const runners = [rig.runner(perform, { kinds }), rig.runner(perform, { kinds })]
  await rig.apply([asking(a, 'call', 'mail')])
  await until('it runs', () => begun.length === 1)
  const paused = await pauses.pause(calls, { ...ann, reason: 'maintenance' })
  assert.deepEqual([paused?.what, paused?.kind], ['effects', 'call'])
  await rig.apply([asking(b, 'call', 'mail'), asking(c, 'mail', 'call')])
  answer('ok')
  const done = async (key: string) => (await rig.done(key)).map((one) => one.replace(`${key}-v1:`, ''))
  await until('what ran has ended, and the mails are sent that wait for no call', async () => {
    return (await done(a)).length === 2 && (await done(c)).length === 1
  })
  const states = async (key: string) => (await runners[0]!.ops.of(key)).map(({ kind, state }) => `${kind} ${state}`)
  assert.deepEqual([await states(b), await states(c)], [['call paused', 'mail behind'], ['call paused']])
  assert.deepEqual(begun, [`${a}-v1:1`])

  await pauses.pause(all, ann)
  await pauses.resume(calls, ann)
  await rig.apply([asking(unique('d'), 'mail')])
  assert.deepEqual(await claimEffects(rig.pool, 10, 1_000), [], 'all kinds are paused')
  await pauses.resume(all, ann)
  await until('all is done', async () => (await rig.left()) === 0)
  assert.deepEqual(
    [await done(a), await done(b), await done(c)],
    [
      ['1=ok', '2=sent'],
      ['1=ok', '2=sent'],
      ['1=sent', '2=ok'],
    ],
  )
  for (const runner of runners) await runner.close()
})

test('rule 25: effects are paused once no claim is under way', async () => {
  const held = new CommitsHeld(rig.pool)
  const [o, p] = [unique('o'), unique('p')]
  await rig.apply([asking(o, 'call')])
  const claiming = transaction(held.pool, (tx) => claimEffects(tx, 10, 1_000))
  await held.isAtCommit()
  const pausing = pauses.pause(calls, ann)
  const waited = await waits(pausing)
  held.end()
  assert.equal((await claiming).length, 1)
  await pausing
  assert.ok(waited, 'the pause was answered while effects were being claimed')
  await rig.apply([asking(p, 'call')])
  assert.deepEqual(await claimEffects(rig.pool, 10, 1_000), [])
  await pauses.resume(calls, ann)
})

test('what is paused is neither failing nor late, whatever else is', async () => {
  await rig.pool.query('DELETE FROM effect')
  await rig.apply([asking(unique('a'), 'call'), asking(unique('b'), 'call'), asking(unique('c'), 'mail')])
  const age = (kind: string, hours: number) =>
    rig.pool.query(`UPDATE effect SET created_at = now() - $2 * interval '1 hour' WHERE kind = $1`, [kind, hours])
  await age('call', 2)
  await age('mail', 1)
  await rig.pool.query(
    `UPDATE effect SET failing_since = now(), cause = 'status-500' WHERE kind = 'call' AND key LIKE 'b%'`,
  )
  const figures = async () => {
    const { due, failing, oldest } = await storedEffects(rig.pool)
    return { due, failing, hours: Math.round(oldest / 3_600) }
  }
  assert.deepEqual(await figures(), { due: 3, failing: 1, hours: 2 })
  await pauses.pause(calls, ann)
  assert.deepEqual(await figures(), { due: 3, failing: 0, hours: 1 })
  await pauses.pause(all, ann)
  assert.deepEqual(await figures(), { due: 3, failing: 0, hours: 0 })
  await pauses.resume(all, ann)
  await pauses.resume(calls, ann)
  await rig.pool.query('DELETE FROM effect')
})

test('a claim reads nothing of what is paused, however much that is', async () => {
  await rig.pool.query('VACUUM ANALYZE effect')
  await rig.pool.query(`INSERT INTO effect (key, version, n, event_id, kind, payload, due_at)
    SELECT 'many-' || n, 1, 1, 'e-' || n, 'call', '{}', now() - interval '1 hour' FROM generate_series(1, 5000) AS n`)
  const o = unique('o')
  await rig.apply([asking(o, 'mail')])
  await pauses.pause(calls, ann)
  await transaction(rig.pool, async (tx) => {
    const read = await rowsRead(tx, async () => {
      assert.deepEqual(
        (await claimEffects(tx, 10, 1_000)).map(({ key }) => key),
        [o],
      )
    })
    assert.ok(read.get('effect')! < 20, `${read.get('effect')} rows were read`)
  })
  await pauses.resume(calls, ann)
  assert.equal((await claimEffects(rig.pool, 10, 1_000)).length, 10)
})
