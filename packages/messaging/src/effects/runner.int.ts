import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { transaction } from '@inorder/storage/transaction.ts'
import { unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import fc from 'fast-check'
import { auditEntries } from '../parking/audit.ts'
import { parkedEvents } from '../parking/listing.ts'
import { EffectRefused } from './effect.ts'
import { type EffectsRig, effectHandler, effectsRig, event, keys, settle } from './rig.fixture.ts'
import { addEffects, effectRows, lockOrders } from './store.ts'

let rig: EffectsRig

beforeEach(async () => {
  rig = await effectsRig()
})
afterEach(() => rig.close())

const results = (keys: string[], result = 'ok') => keys.map((key) => `${key}=${result}`)
const ok = async () => 'ok'
/** Never ends by itself, and does not heed its signal. */
const hang = () => new Promise<never>(() => {})

test('effects are stored in the transaction of the state, or neither is', async () => {
  const [o, neighbour, odd] = [unique('o'), unique('o'), unique('o')]
  const away = { ...effectHandler, save: () => Promise.reject(new Error('away')) }
  await assert.rejects(rig.apply([event(o, 1)], away), /away/)
  assert.equal(await rig.left(), 0)
  await rig.apply([
    event(o, 1, 2),
    event(neighbour, 1, 1, { id: `${neighbour}-unsavable` }),
    event(o, 2),
    event(odd, 1, 0, { effects: [{ kind: 'call', payload: undefined }] }),
  ])
  const { rows } = await rig.pool.query(`SELECT order_id, event_id || ':' || n AS key FROM effect ORDER BY version, n`)
  assert.deepEqual(
    rows,
    [`${o}-v1:1`, `${o}-v1:2`, `${o}-v2:1`].map((key) => ({ order_id: o, key })),
    'the event that the database refuses has none',
  )
  assert.equal((await parkedEvents(rig.pool, odd))[0]?.cause, 'apply-failed', 'a payload that is no JSON is poison')
})

test('effects of a version that waited for a gap come when it is applied, in order', async () => {
  const o = unique('o')
  await rig.apply([event(o, 3), event(o, 2)])
  assert.equal(await rig.left(), 0)
  await rig.apply([event(o, 1, 2)])
  const runner = rig.runner(ok)
  await until('they are done', async () => (await rig.done(o)).length === 4)
  assert.deepEqual(await rig.done(o), results([`${o}-v1:1`, `${o}-v1:2`, `${o}-v2:1`, `${o}-v3:1`]))
  await runner.close()
})

test('effects of redriven events are stored too, in order', async () => {
  const o = unique('o')
  const broken = { ...effectHandler, apply: () => assert.fail('broken') }
  await rig.apply([event(o, 1, 2), event(o, 2)], broken)
  assert.equal(await rig.left(), 0)
  await rig.redriveEvents(o)
  assert.equal(await rig.left(), 3)
  const runner = rig.runner(ok)
  await until('they are done', async () => (await rig.left()) === 0)
  assert.deepEqual(await rig.done(o), results([`${o}-v1:1`, `${o}-v1:2`, `${o}-v2:1`]))
  await runner.close()
})

test('a hundred orders at once, and no more', async () => {
  const orders = Array.from({ length: 120 }, () => unique('o'))
  await rig.apply(orders.map((o) => event(o, 1)))
  const begun: (() => void)[] = []
  const runner = rig.runner(() => new Promise<void>((resolve) => begun.push(resolve)))
  await until('a hundred run', () => begun.length === 100)
  begun[0]?.()
  await until('another has the place of the first', () => begun.length > 100)
  assert.equal(begun.length, 101)
  await until('all are done', async () => {
    for (const end of begun) end()
    return (await rig.left()) === 0
  })
  await runner.close()
})

test('in order per order, each settled once: any orders, failures and deaths of leases, three runners', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ order: fc.nat(4), count: fc.nat(3) }), { minLength: 1, maxLength: 20 }),
      fc.array(fc.constantFrom('ok', 'ok', 'ok', 'fails', 'lease ends'), { minLength: 1, maxLength: 30 }),
      fc.array(fc.nat(19), { maxLength: 5 }),
      async (asked, fates, cuts) => {
        const run = unique('o')
        const expected = new Map<string, string[]>()
        const versions = new Map<string, number>()
        const events = asked.map(({ order, count }) => {
          const o = `${run}-${order}`
          const version = (versions.get(o) ?? 0) + 1
          versions.set(o, version)
          const asks = event(o, version, count)
          expected.set(o, [...(expected.get(o) ?? []), ...(asks.effects ?? []).map((_, i) => `${asks.id}:${i + 1}`)])
          return asks
        })
        const first = new Map<string, string[]>()
        let n = 0
        const perform = async ({ orderId, key }: { orderId: string; key: string }) => {
          const seen = first.get(orderId) ?? []
          if (!seen.includes(key)) first.set(orderId, [...seen, key])
          const fate = fates[n++ % fates.length]
          if (fate === 'fails' && n < 6) throw new Error('not now')
          if (fate === 'lease ends' && n < 6) await rig.endLeases()
          return 'ok'
        }
        const runners = [1, 2, 3].map(() => rig.runner(perform, { concurrency: 3 }))
        let from = 0
        for (const to of [...cuts.map((cut) => cut % events.length).toSorted((a, b) => a - b), events.length]) {
          if (to > from) await rig.apply(events.slice(from, to))
          from = to
          for (const runner of runners) runner.wake()
        }
        await until('all are done', async () => (await rig.left()) === 0)
        for (const runner of runners) await runner.close()
        for (const [o, keys] of expected) {
          assert.deepEqual(first.get(o) ?? [], keys, 'performed in order')
          assert.deepEqual(await rig.done(o), results(keys), 'settled in order, once')
        }
      },
    ),
    { numRuns: 6 },
  ))

test('rule 22: the late result of a lost lease changes nothing, before and after the one that counts', async () => {
  for (const lateFirst of [true, false]) {
    const o = unique('o')
    await rig.apply([event(o, 1, 2)])
    const calls: ((result: string) => void)[] = []
    const perform = () => new Promise<string>((resolve) => calls.push(resolve))
    const lost = rig.runner(perform)
    await until('it is performed', () => calls.length === 1)
    await rig.endLeases()
    const other = rig.runner(perform)
    await until('another has it', () => calls.length === 2)
    const [late, counts] = calls
    if (lateFirst) {
      late?.('late')
      await until('the late result is known as such', async () => (await lost.attempts('late')) === 1)
      assert.deepEqual(await rig.done(o), [])
    }
    counts?.('counts')
    await until('it is done', async () => (await rig.done(o)).length === 1)
    await until('the next one is performed', () => calls.length === 3)
    if (!lateFirst) {
      late?.('late')
      await until('the late result is known as such', async () => (await lost.attempts('late')) === 1)
    }
    calls[2]?.('next')
    await until('all are done', async () => (await rig.done(o)).length === 2)
    assert.deepEqual(await rig.done(o), [`${o}-v1:1=counts`, `${o}-v1:2=next`])
    await Promise.all([lost.close(), other.close()])
  }
})

test('rule 22: nor does its late failure, be it for now or for good', async () => {
  for (const failure of [new Error('not now'), new EffectRefused('no', 'never')]) {
    const o = unique('o')
    await rig.apply([event(o, 1)])
    const fail = Promise.withResolvers<never>()
    const lost = rig.runner(() => fail.promise)
    await until('it is performed', async () => (await lost.effectsOf(o))[0]?.state === 'running')
    await rig.endLeases()
    const { promise, resolve } = Promise.withResolvers<string>()
    const other = rig.runner(() => promise)
    await until('another has it', async () => (await other.effectsOf(o))[0]?.attempts === 2)
    fail.reject(failure)
    await until('the late failure is known as such', async () => (await lost.attempts('late')) === 1)
    assert.equal((await other.effectsOf(o))[0]?.state, 'running')
    resolve('ok')
    await until('it is done', async () => (await rig.done(o)).length === 1)
    await Promise.all([lost.close(), other.close()])
  }
})

test('rule 14: a result is stored, and the next effect started, only with the order locked', async () => {
  const o = unique('o')
  await rig.apply([event(o, 1)])
  const { promise: locked, resolve: release } = Promise.withResolvers<void>()
  const holder = transaction(rig.pool, async (tx) => {
    await lockOrders(tx, [o])
    await addEffects(tx, effectRows(o, { eventId: `${o}-v2`, version: 2 }, [{ kind: 'call', payload: 2 }]))
    await locked
  })
  const runner = rig.runner(ok)
  await until('it waits for the order', async () => {
    const { rows } = await rig.pool.query(`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'
      AND datname = current_database() AND query LIKE '%inbox_order%'`)
    return rows.length > 0
  })
  assert.deepEqual(await rig.done(o), [])
  release()
  await holder
  await until('the one that was added in the meantime is done too', async () => (await rig.done(o)).length === 2)
  assert.deepEqual(await rig.done(o), results(keys(o, 2)))
  await runner.close()
})

test('what fails is tried again with the same key, under a deadline that holds whatever it does', async () => {
  const [failing, hanging] = [unique('o'), unique('o')]
  await rig.apply([event(failing, 1), event(hanging, 1)])
  const seen: string[] = []
  const runner = rig.runner(
    async ({ orderId, key }, { idempotencyKey }) => {
      assert.equal(idempotencyKey, key)
      seen.push(key)
      if (seen.filter((other) => other === key).length > 2) return 'ok'
      return orderId === hanging ? hang() : Promise.reject(new Error('not now'))
    },
    { deadlineMs: 200 },
  )
  await until('both are done', async () => (await rig.left()) === 0)
  assert.deepEqual(await rig.done(failing), results(keys(failing, 1)))
  assert.deepEqual(await rig.done(hanging), results(keys(hanging, 1)))
  assert.equal(await runner.attempts('again'), 4)
  const told = runner.lines.filter(({ msg }) => /tried again/.test(String(msg))).length
  assert.ok(told === 1 || told === 2, `a line when it begins to fail, not one a failure: ${told}`)
  await runner.close()
})

test('a kind that is not known here is tried again, not parked', async () => {
  const o = unique('o')
  await rig.apply([event(o, 1, 0, { effects: [{ kind: 'new', payload: {} }] })])
  const old = rig.runner(ok)
  await until('it was tried', async () => (await rig.pool.query('SELECT attempts FROM effect')).rows[0]?.attempts > 1)
  assert.deepEqual((await old.parked({ limit: 10 })).items, [])
  await old.close()
  const next = rig.runner(ok, { kinds: { new: { perform: ok, settle } } })
  await until('it is done', async () => (await rig.done(o)).length === 1)
  await next.close()
})

test('refused for good: parked with its cause, the later ones wait, other orders go on; redrive and discard', async () => {
  const [o, other] = [unique('o'), unique('o')]
  await rig.apply([event(o, 1, 2), event(o, 2), event(other, 1, 2)])
  let refusing = true
  const runner = rig.runner(async ({ orderId }) => {
    if (orderId === o && refusing) throw new EffectRefused('no-such-card', 'the gateway knows no such card')
    return 'ok'
  })
  await until('the other order is done', async () => (await rig.done(other)).length === 2)
  await until('it is parked', async () => (await runner.parked({ limit: 10 })).items.length === 1)
  const states = async () => (await runner.effectsOf(o)).map(({ effect, state }) => `${effect} ${state}`)
  const [first, second, third] = [`${o}-v1:1`, `${o}-v1:2`, `${o}-v2:1`]
  assert.deepEqual(await states(), [`${first} parked`, `${second} behind`, `${third} behind`])
  const { items, next } = await runner.parked({ limit: 1 })
  const { createdAt, parkedAt, ...rest } = items[0]!
  assert.deepEqual(rest, {
    orderId: o,
    effect: first,
    kind: 'call',
    version: 1,
    state: 'parked',
    attempts: 1,
    cause: 'no-such-card',
    detail: 'the gateway knows no such card',
    behind: 2,
  })
  assert.ok(parkedAt !== null && Date.parse(parkedAt) >= Date.parse(createdAt))
  assert.equal(next, null)
  assert.match(await runner.metrics.metrics(), /^effects_parked 1$/m)
  assert.match(await runner.metrics.metrics(), /^effects_waiting 3$/m)

  await rig.apply([event(o, 3)])
  runner.wake()
  assert.equal(await runner.redrive(o, 'anna'), true)
  await until('it was refused again', async () => (await runner.attempts('parked')) === 2)
  assert.deepEqual(await rig.done(o), [])
  const discard = (orderId: string, effect: string) =>
    runner.discard(orderId, { effect, reason: 'paid by hand', operator: 'anna' })
  assert.equal(await discard(o, second), false)
  assert.equal(await discard(other, first), false)
  assert.equal(await discard(o, first), true)
  assert.equal(await discard(o, first), true, 'repeated, it is answered the same')
  await until('the second is parked', async () => (await states())[0] === `${second} parked`)
  refusing = false
  assert.equal(await runner.redrive(o, 'anna'), true)
  await until('all are done', async () => (await rig.left()) === 0)
  assert.deepEqual(await rig.done(o), results([second, third, `${o}-v3:1`]))
  assert.equal(await runner.redrive(o, 'anna'), false)
  const told = runner.lines.filter(({ msg }) => /parked|redriven|discarded/.test(String(msg)))
  assert.deepEqual(
    told.map(({ msg, effect, cause, reason }) => [msg, effect, cause ?? reason]),
    [
      ['an effect was parked', first, 'no-such-card'],
      ['an effect was redriven', first, undefined],
      ['an effect was parked', first, 'no-such-card'],
      ['an effect was discarded', first, 'paid by hand'],
      ['an effect was parked', second, 'no-such-card'],
      ['an effect was redriven', second, undefined],
    ],
  )
  const { items: audited } = await auditEntries(rig.pool, { limit: 10 })
  assert.deepEqual(
    audited.map(({ operator, action, orderId, event, reason }) => [operator, action, orderId, event, reason]),
    [
      ['anna', 'redrive', o, null, null],
      ['anna', 'discard', o, first, 'paid by hand'],
      ['anna', 'redrive', o, null, null],
    ],
  )
  const { before, after } = audited[1]!
  assert.deepEqual(
    [before.event?.event, before.event?.cause, before.parked, after.parked],
    [first, 'no-such-card', 1, 0],
  )
  await runner.close()
})

test('a result that the database refuses parks its effect, and no other of its group', async () => {
  const orders = Array.from({ length: 20 }, () => unique('o'))
  await rig.apply(orders.map((o) => event(o, 1)))
  const bad = orders[7]!
  const runner = rig.runner(async ({ orderId }) => (orderId === bad ? 'unsavable' : 'ok'))
  await until('the others are done', async () => (await rig.left()) === 1)
  await until('it is parked', async () => (await runner.effectsOf(bad))[0]?.cause === 'constraint')
  for (const o of orders) assert.deepEqual(await rig.done(o), o === bad ? [] : results(keys(o, 1)))
  await runner.discard(bad, { effect: `${bad}-v1:1`, reason: 'of this test', operator: 'anna' })
  await runner.close()
})

test('close waits for what runs, gives back at once what does not end, and claims no more', async () => {
  const [quick, hanging] = [unique('o'), unique('o')]
  await rig.apply([event(quick, 1, 2), event(hanging, 1)])
  const { promise, resolve } = Promise.withResolvers<string>()
  let aborted = false
  const runner = rig.runner(({ orderId }, { signal }) => {
    signal.addEventListener('abort', () => {
      aborted = true
    })
    return orderId === quick ? promise : hang()
  })
  await until('both run', async () => /^effects_running 2$/m.test(await runner.metrics.metrics()))
  const closed = runner.close()
  resolve('ok')
  await closed
  assert.deepEqual(await rig.done(quick), results([`${quick}-v1:1`]), 'the second is not begun')
  assert.ok(aborted)
  assert.deepEqual(
    (await runner.effectsOf(hanging)).map(({ attempts }) => attempts),
    [1],
  )
  assert.equal((await rig.pool.query('SELECT FROM effect WHERE due_at > now()')).rowCount, 0, 'no lease holds them')
  const next = rig.runner(ok)
  await until('the next instance does them', async () => (await rig.left()) === 0)
  await next.close()
})
