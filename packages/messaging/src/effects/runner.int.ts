import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { transaction } from '@inorder/storage/transaction.ts'
import { unique } from '@inorder/testing/parts.ts'
import { rowsRead } from '@inorder/testing/rows-read.ts'
import { until } from '@inorder/testing/until.ts'
import fc from 'fast-check'
import type { Pool } from 'pg'
import { pino } from 'pino'
import { EffectRefused, OutcomeUnknown } from '../inbox/effect.ts'
import { addEffects, effectRows } from '../inbox/effect-rows.ts'
import { parkedEvents } from '../inbox/parked-listing.ts'
import { lockRows } from '../inbox/store.ts'
import { auditEntries } from '../outbox/audit.ts'
import { forgetDone } from './done.ts'
import { EffectOperator } from './operator.ts'
import { type EffectsRig, effectHandler, effectIds, effectsRig, event, settle } from './rig.fixture.ts'

let rig: EffectsRig

beforeEach(async () => {
  rig = await effectsRig()
})
afterEach(() => rig.close())

const results = (ids: string[], result = 'ok') => ids.map((id) => `${id}=${result}`)
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
  const { rows } = await rig.pool.query(`SELECT key, event_id || ':' || n AS id FROM effect ORDER BY version, n`)
  assert.deepEqual(
    rows,
    [`${o}-v1:1`, `${o}-v1:2`, `${o}-v2:1`].map((id) => ({ key: o, id })),
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

test('what is done is shown with what is to be done yet, in order, for so many days', async () => {
  const o = unique('o')
  await rig.apply([event(o, 1, 2), event(o, 2), event(unique('other'), 1)])
  const begun = Date.now()
  const runner = rig.runner(async ({ version }) =>
    version === 2 ? Promise.reject(new EffectRefused('no', 'no')) : 'ok',
  )
  await until(
    'the last is parked',
    async () => (await runner.ops.list({ state: 'parked', limit: 1 })).items.length === 1,
  )
  const [first, second, last, ...more] = await runner.ops.historyOf(o)
  const { doneAt, createdAt, ...rest } = first!
  const nothing = { cause: null, detail: null, failingSince: null, parkedAt: null }
  const done = { effect: `${o}-v1:1`, kind: 'call', version: 1, state: 'done', attempts: 1, ...nothing }
  assert.deepEqual(rest, done)
  assert.ok(Date.parse(doneAt!) >= begun - 1_000 && doneAt! > createdAt)
  assert.deepEqual([second?.effect, second?.state], [`${o}-v1:2`, 'done'])
  assert.deepEqual([last?.effect, last?.state, last?.doneAt, more], [`${o}-v2:1`, 'parked', null, []])
  assert.deepEqual(
    (await runner.ops.of(o)).map(({ effect }) => effect),
    [`${o}-v2:1`],
  )

  await rig.pool.query(`UPDATE effect_done SET done_at = now() - interval '3 days' WHERE key = $1 AND n = 1`, [o])
  assert.equal(await forgetDone(rig.pool, 4), 0)
  assert.equal(await forgetDone(rig.pool, 2), 1)
  assert.deepEqual(
    (await runner.ops.historyOf(o)).map(({ effect }) => effect),
    [`${o}-v1:2`, `${o}-v2:1`],
  )
  await rig.pool.query(`INSERT INTO effect_done (key, version, n, event_id, kind, attempts, created_at)
    SELECT '${o}', 1, n, 'e', 'call', 1, now() FROM generate_series(3, 1500) AS n`)
  assert.deepEqual(
    (await runner.ops.historyOf(o)).map(({ version, effect }) => (version === 1 ? effect : 'last')),
    [...Array.from({ length: 100 }, (_, n) => `e:${n + 1401}`), 'last'],
  )
  assert.deepEqual([await forgetDone(rig.pool, 0), await forgetDone(rig.pool, 0)], [1_000, 500])
  await runner.close()
})

test('the list of what fails reads nothing of what is parked', async () => {
  await rig.pool.query(`INSERT INTO effect (key, version, n, event_id, kind, payload, cause, failing_since, parked_at)
    SELECT 'held-' || n, 1, 1, 'e-' || n, 'call', '{}', 'no', now(), CASE WHEN n > 1 THEN now() END
    FROM generate_series(1, 5000) AS n`)
  await rig.pool.query('ANALYZE effect')
  await transaction(rig.pool, async (tx) => {
    const ops = new EffectOperator(tx as unknown as Pool, pino({ level: 'silent' }), () => {})
    const read = await rowsRead(tx, async () => {
      const { items } = await ops.list({ state: 'failing', limit: 100 })
      assert.deepEqual(
        items.map(({ key }) => key),
        ['held-1'],
      )
    })
    assert.ok(read.get('effect')! < 20, `${read.get('effect')} rows were read`)
  })
})

test('a hundred keys at once, and no more', async () => {
  const keys = Array.from({ length: 120 }, () => unique('o'))
  await rig.apply(keys.map((o) => event(o, 1)))
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

test('in order per key, each settled once: any keys, failures and deaths of leases, three runners', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ which: fc.nat(4), count: fc.nat(3) }), { minLength: 1, maxLength: 20 }),
      fc.array(fc.constantFrom('ok', 'ok', 'ok', 'fails', 'lease ends'), { minLength: 1, maxLength: 30 }),
      fc.array(fc.nat(19), { maxLength: 5 }),
      async (asked, fates, cuts) => {
        const run = unique('o')
        const expected = new Map<string, string[]>()
        const versions = new Map<string, number>()
        const events = asked.map(({ which, count }) => {
          const o = `${run}-${which}`
          const version = (versions.get(o) ?? 0) + 1
          versions.set(o, version)
          const asks = event(o, version, count)
          expected.set(o, [...(expected.get(o) ?? []), ...(asks.effects ?? []).map((_, i) => `${asks.id}:${i + 1}`)])
          return asks
        })
        const first = new Map<string, string[]>()
        let n = 0
        const perform = async ({ key, id }: { key: string; id: string }) => {
          const seen = first.get(key) ?? []
          if (!seen.includes(id)) first.set(key, [...seen, id])
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
        for (const [o, ids] of expected) {
          assert.deepEqual(first.get(o) ?? [], ids, 'performed in order')
          assert.deepEqual(await rig.done(o), results(ids), 'settled in order, once')
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
    await until('it is performed', async () => (await lost.ops.of(o))[0]?.state === 'running')
    await rig.endLeases()
    const { promise, resolve } = Promise.withResolvers<string>()
    const other = rig.runner(() => promise)
    await until('another has it', async () => (await other.ops.of(o))[0]?.attempts === 2)
    fail.reject(failure)
    await until('the late failure is known as such', async () => (await lost.attempts('late')) === 1)
    assert.equal((await other.ops.of(o))[0]?.state, 'running')
    resolve('ok')
    await until('it is done', async () => (await rig.done(o)).length === 1)
    await Promise.all([lost.close(), other.close()])
  }
})

test('rule 14: a result is stored, and the next effect started, only with the key locked', async () => {
  const o = unique('o')
  await rig.apply([event(o, 1)])
  const { promise: locked, resolve: release } = Promise.withResolvers<void>()
  const holder = transaction(rig.pool, async (tx) => {
    await lockRows(tx, [o])
    await addEffects(tx, effectRows(o, { eventId: `${o}-v2`, version: 2 }, [{ kind: 'call', payload: 2 }]))
    await locked
  })
  const runner = rig.runner(ok)
  await until('it waits for the key', async () => {
    const { rows } = await rig.pool.query(`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'
      AND datname = current_database() AND query LIKE '%inbox_key%'`)
    return rows.length > 0
  })
  assert.deepEqual(await rig.done(o), [])
  release()
  await holder
  await until('the one that was added in the meantime is done too', async () => (await rig.done(o)).length === 2)
  assert.deepEqual(await rig.done(o), results(effectIds(o, 2)))
  await runner.close()
})

test('what fails is tried again with the same key, under a deadline that holds whatever it does', async () => {
  const [failing, hanging] = [unique('o'), unique('o')]
  await rig.apply([event(failing, 1), event(hanging, 1)])
  const seen: string[] = []
  const runner = rig.runner(
    async ({ key, id }, { idempotencyKey }) => {
      assert.equal(idempotencyKey, id)
      seen.push(id)
      if (seen.filter((other) => other === id).length > 2) return 'ok'
      return key === hanging ? hang() : Promise.reject(new Error('not now'))
    },
    { deadlineMs: 200 },
  )
  await until('both are done', async () => (await rig.left()) === 0)
  assert.deepEqual(await rig.done(failing), results(effectIds(failing, 1)))
  assert.deepEqual(await rig.done(hanging), results(effectIds(hanging, 1)))
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
  assert.deepEqual((await old.ops.list({ state: 'parked', limit: 10 })).items, [])
  await old.close()
  const next = rig.runner(ok, { kinds: { new: { perform: ok, settle } } })
  await until('it is done', async () => (await rig.done(o)).length === 1)
  await next.close()
})

test('refused for good: parked with its cause, the later ones wait, other keys go on; redrive and discard', async () => {
  const [o, other] = [unique('o'), unique('o')]
  await rig.apply([event(o, 1, 2), event(o, 2), event(other, 1, 2)])
  let refusing = true
  const runner = rig.runner(async ({ key }) => {
    if (key === o && refusing) throw new EffectRefused('no-such-card', 'the gateway knows no such card')
    return 'ok'
  })
  await until('the other key is done', async () => (await rig.done(other)).length === 2)
  await until('it is parked', async () => (await runner.ops.list({ state: 'parked', limit: 10 })).items.length === 1)
  const states = async () => (await runner.ops.of(o)).map(({ effect, state }) => `${effect} ${state}`)
  const [first, second, third] = [`${o}-v1:1`, `${o}-v1:2`, `${o}-v2:1`]
  assert.deepEqual(await states(), [`${first} parked`, `${second} behind`, `${third} behind`])
  const { items, next } = await runner.ops.list({ state: 'parked', limit: 1 })
  const { createdAt, failingSince, parkedAt, ...rest } = items[0]!
  assert.equal(failingSince, parkedAt)
  assert.deepEqual(rest, {
    key: o,
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
  assert.match(await runner.metrics.metrics(), /^inorder_effects_parked 1$/m)
  assert.match(await runner.metrics.metrics(), /^inorder_effects_waiting 3$/m)
  assert.match(await runner.metrics.metrics(), /^inorder_effects_failing 0$/m)

  await rig.apply([event(o, 3)])
  runner.wake()
  assert.equal(await runner.ops.redrive(o, 'anna'), true)
  await until('it was refused again', async () => (await runner.attempts('parked')) === 2)
  assert.deepEqual(await rig.done(o), [])
  const discard = (key: string, effect: string) =>
    runner.ops.discard(key, { effect, reason: 'paid by hand', operator: 'anna' })
  assert.equal(await discard(o, second), false)
  assert.equal(await discard(other, first), false)
  assert.equal(await discard(o, first), true)
  assert.equal(await discard(o, first), true, 'repeated, it is answered the same')
  await until('the second is parked', async () => (await states())[0] === `${second} parked`)
  refusing = false
  assert.equal(await runner.ops.redrive(o, 'anna'), true)
  await until('all are done', async () => (await rig.left()) === 0)
  assert.deepEqual(await rig.done(o), results([second, third, `${o}-v3:1`]))
  assert.equal(await runner.ops.redrive(o, 'anna'), false)
  const told = runner.lines.filter(({ msg }) => /parked|redriven|discarded/.test(String(msg)))
  const parked =
    'an effect was parked: the later ones of its key wait until an operator decides, see GET /ops/effects/{key}'
  assert.deepEqual(
    told.map(({ msg, effect, cause, reason }) => [msg, effect, cause ?? reason]),
    [
      [parked, first, 'no-such-card'],
      ['an effect was redriven', first, undefined],
      [parked, first, 'no-such-card'],
      ['an effect was discarded', first, 'paid by hand'],
      [parked, second, 'no-such-card'],
      ['an effect was redriven', second, undefined],
    ],
  )
  const { items: audited } = await auditEntries(rig.pool, { limit: 10 }, 'parking_audit')
  assert.deepEqual(
    audited.map(({ operator, action, key, event, reason }) => [operator, action, key, event, reason]),
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

test('an outcome that stays unknown is asked for again with the same key, and parked in time', async () => {
  const [o, healed] = [unique('o'), unique('o')]
  await rig.apply([event(o, 1, 2), event(healed, 1)])
  const keysSeen = new Set<string>()
  let attempts = 0
  const runner = rig.runner(
    async ({ key }, { idempotencyKey }) => {
      keysSeen.add(idempotencyKey)
      if (key === healed && attempts++ > 0) return 'ok'
      throw new OutcomeUnknown('status-404', 'the carrier answered 404')
    },
    { parkAfterMs: 300 },
  )
  const held = async () => (await runner.ops.list({ state: 'parked', limit: 10 })).items
  await until('it is parked', async () => (await held()).length === 1)
  const [parked] = await held()
  assert.deepEqual([parked?.key, parked?.cause, parked?.detail], [o, 'status-404', 'the carrier answered 404'])
  assert.ok(parked!.attempts > 1, 'not at the first failure')
  await until('the other one is done by itself', async () => (await rig.done(healed)).length === 1)
  assert.deepEqual(keysSeen, new Set([`${o}-v1:1`, `${healed}-v1:1`]))
  assert.deepEqual(await rig.done(o), [], 'nothing is settled without an answer')
  await runner.close()
})

test('a receiver that is unavailable parks nothing; one effect that fails while others are done is parked', async () => {
  const [one, two] = [unique('o'), unique('o')]
  await rig.apply([event(one, 1), event(two, 1)])
  let well = false
  const runner = rig.runner(
    async ({ key }) => {
      if (well && key !== one) return 'ok'
      throw new OutcomeUnknown('status-503', 'unavailable', { unavailable: true })
    },
    { parkAfterMs: 300 },
  )
  await until('both have failed several times', async () => (await runner.attempts('again')) >= 8)
  assert.deepEqual((await runner.ops.list({ state: 'parked', limit: 10 })).items, [])
  assert.equal((await runner.ops.list({ state: 'failing', limit: 10 })).items.length, 2)
  assert.match(await runner.metrics.metrics(), /^inorder_effects_failing 2$/m)
  well = true
  await until('one is parked while others are done', async () => {
    await rig.apply([event(unique('o'), 1)])
    runner.wake()
    return (await runner.ops.of(one))[0]?.state === 'parked'
  })
  await until('the other is done when its backoff is over', async () => (await rig.done(two)).length === 1)
  await runner.close()
})

test('a receiver that asks to be left alone is not asked before that', async () => {
  const o = unique('o')
  await rig.apply([event(o, 1)])
  const runner = rig.runner(async () => {
    throw new OutcomeUnknown('status-429', 'too many', { unavailable: true, retryAfterMs: 3_600_000 })
  })
  await until('it has failed', async () => (await runner.ops.of(o))[0]?.state === 'again')
  const { rows } = await rig.pool.query(`SELECT extract(epoch FROM due_at - now())::float AS seconds FROM effect`)
  assert.ok(rows[0].seconds > 40 && rows[0].seconds <= 60, `${rows[0].seconds} s: at most a minute`)
  await runner.close()
})

test('what our own code cannot do is parked as such, slows no other and is no failure of the receiver', async () => {
  const [odd, keyed] = [unique('o'), unique('o')]
  const foreign = { id: `${keyed}-é \n%` }
  await rig.apply([event(odd, 1), event(keyed, 1, 1, foreign)])
  const sent: string[] = []
  const runner = rig.runner(async ({ key }, { idempotencyKey }) => {
    sent.push(
      new Request('http://127.0.0.1', { headers: { 'idempotency-key': idempotencyKey } }).headers.get(
        'idempotency-key',
      )!,
    )
    if (key === odd) return (undefined as unknown as { amount: string }).amount
    return 'ok'
  })
  await until('it is parked', async () => (await runner.ops.of(odd))[0]?.state === 'parked')
  const [parked] = await runner.ops.of(odd)
  assert.deepEqual([parked?.cause, parked?.attempts], ['our-fault', 3])
  assert.match(parked?.detail ?? '', /^TypeError: Cannot read properties of undefined/)
  await until('the other one is done', async () => (await rig.done(keyed)).length === 1)
  assert.ok(sent.includes(`${keyed}-%C3%A9%20%0A%25:1`))
  assert.deepEqual(
    runner.lines.filter(({ msg }) => /tried again/.test(String(msg))),
    [],
  )
  await runner.close()
})

test('an operator tries a failing effect now, or gives it up under a running attempt, whose late result changes nothing', async () => {
  const [o, other] = [unique('o'), unique('o')]
  await rig.apply([event(o, 1, 2), event(other, 1)])
  const late = Promise.withResolvers<string>()
  const seen: string[] = []
  const runner = rig.runner(async ({ key, id }) => {
    seen.push(id)
    if (key === other) throw new OutcomeUnknown('status-404', 'no', { retryAfterMs: 60_000 })
    if (id !== `${o}-v1:1`) return 'ok'
    if (seen.filter((it) => it === id).length > 1) return late.promise
    throw new Error('not now')
  })
  await until('the other fails', async () => (await runner.ops.of(other))[0]?.state === 'again')
  const before = seen.length
  assert.equal(await runner.ops.redrive(other, 'anna'), true)
  await until('it was tried at once', () => seen.slice(before).includes(`${other}-v1:1`))

  const first = `${o}-v1:1`
  const effect = async () => (await runner.ops.of(o))[0]!
  await until(
    'it runs after a failure',
    async () => (await effect()).state === 'running' && (await effect()).attempts > 1,
  )
  assert.equal(await runner.ops.discard(o, { effect: first, reason: 'paid by hand', operator: 'anna' }), true)
  await until('the next one is done', async () => (await rig.done(o)).length === 1)
  late.resolve('late')
  await until('the late result is known as such', async () => (await runner.attempts('late')) === 1)
  assert.deepEqual(await rig.done(o), results([`${o}-v1:2`]))
  assert.equal(
    await runner.ops.discard(o, { effect: first, reason: 'paid by hand', operator: 'anna' }),
    true,
    'repeated',
  )
  await runner.close()
})

test('of more than 1,000 keys that one cause holds up the first ones are done, and the answer says where to go on', async () => {
  const runner = rig.runner(hang)
  const cause = unique('cause')
  await rig.pool.query(
    `INSERT INTO effect (key, version, n, event_id, kind, payload, cause, detail, failing_since, parked_at)
     SELECT $1 || n, 1, 1, $1 || n, 'call', '{}', $1, '', now(), now() FROM generate_series(10000, 11000) AS n`,
    [cause],
  )
  const action = { operator: 'anna', reason: 'a test', dryRun: true }
  const { totals, next } = await runner.ops.releaseAll(cause, action)
  assert.deepEqual([totals.keys, next], [1_000, `${cause}10999`])
  const rest = await runner.ops.releaseAll(cause, { ...action, dryRun: false, after: next! })
  assert.deepEqual([rest.totals.released, rest.items[0]?.key, rest.next], [1, `${cause}11000`, null])
  assert.equal((await rig.pool.query('DELETE FROM effect WHERE cause = $1', [cause])).rowCount, 1_000)
  await runner.close()
})

test('an effect that has not failed is neither redriven nor discarded', async () => {
  const o = unique('o')
  await rig.apply([event(o, 1)])
  const runner = rig.runner(hang)
  await until('it runs', async () => (await runner.ops.of(o))[0]?.state === 'running')
  assert.equal(await runner.ops.redrive(o, 'anna'), false)
  assert.equal(await runner.ops.discard(o, { effect: `${o}-v1:1`, reason: 'x', operator: 'anna' }), false)
  await runner.close()
})

test('all that one cause holds up is redriven or discarded at once, audited one by one', async () => {
  const keys = Array.from({ length: 150 }, () => unique('o')).toSorted()
  const other = unique('o')
  await rig.apply([...keys.map((o) => event(o, 1)), event(other, 1)])
  let cause = 'no-such-card'
  const runner = rig.runner(async ({ key }) => {
    if (cause !== '') throw new EffectRefused(key === other ? 'other' : cause, 'no')
    return 'ok'
  })
  const parked = async () => (await runner.ops.list({ state: 'parked', cause, limit: 1_000 })).items.length
  await until('all are parked', async () => (await parked()) === 150)
  const action = { operator: 'anna', dryRun: false }
  const tried = await runner.ops.releaseAll(cause, { ...action, dryRun: true })
  assert.deepEqual(tried.totals, { keys: 150, released: 150, failed: 0 })
  assert.deepEqual(tried.items[0], {
    key: keys[0],
    effect: `${keys[0]}-v1:1`,
    kind: 'call',
    state: 'parked',
    detail: 'no',
  })
  assert.equal(await parked(), 150, 'nothing was done')
  const before = cause
  cause = 'again'
  assert.deepEqual((await runner.ops.releaseAll(before, action)).totals, { keys: 150, released: 150, failed: 0 })
  await until('all were tried again', async () => (await parked()) === 150)
  const discarded = await runner.ops.releaseAll(cause, { ...action, reason: 'paid by hand' })
  assert.deepEqual(discarded.totals, { keys: 150, released: 150, failed: 0 })
  assert.equal((await runner.ops.releaseAll(cause, { ...action, reason: 'paid by hand' })).totals.keys, 0)
  assert.equal(await rig.left(), 1, 'that with another cause is there')
  const { items } = await auditEntries(rig.pool, { limit: 1_000 }, 'parking_audit')
  assert.deepEqual([items.length, items[0]?.action, items[0]?.reason], [300, 'discard', 'paid by hand'])
  cause = ''
  await runner.ops.redrive(other, 'anna')
  await until('it is done', async () => (await rig.left()) === 0)
  await runner.close()
})

test('a result that the database refuses parks its effect, and no other of its group', async () => {
  const keys = Array.from({ length: 20 }, () => unique('o'))
  await rig.apply(keys.map((o) => event(o, 1)))
  const bad = keys[7]!
  const runner = rig.runner(async ({ key }) => (key === bad ? 'unsavable' : 'ok'))
  await until('the others are done', async () => (await rig.left()) === 1)
  await until('it is parked', async () => (await runner.ops.of(bad))[0]?.cause === 'constraint')
  for (const o of keys) assert.deepEqual(await rig.done(o), o === bad ? [] : results(effectIds(o, 1)))
  await runner.ops.discard(bad, { effect: `${bad}-v1:1`, reason: 'of this test', operator: 'anna' })
  await runner.close()
})

test('close waits for what runs, gives back at once what does not end, and claims no more', async () => {
  const [quick, hanging] = [unique('o'), unique('o')]
  await rig.apply([event(quick, 1, 2), event(hanging, 1)])
  const { promise, resolve } = Promise.withResolvers<string>()
  let aborted = false
  const runner = rig.runner(({ key }, { signal }) => {
    signal.addEventListener('abort', () => {
      aborted = true
    })
    return key === quick ? promise : hang()
  })
  await until('both run', async () => /^inorder_effects_running 2$/m.test(await runner.metrics.metrics()))
  const closed = runner.close()
  resolve('ok')
  await closed
  assert.deepEqual(await rig.done(quick), results([`${quick}-v1:1`]), 'the second is not begun')
  assert.ok(aborted)
  assert.deepEqual(
    (await runner.ops.of(hanging)).map(({ attempts }) => attempts),
    [1],
  )
  assert.equal((await rig.pool.query('SELECT FROM effect WHERE due_at > now()')).rowCount, 0, 'no lease holds them')
  const next = rig.runner(ok)
  await until('the next instance does them', async () => (await rig.left()) === 0)
  await next.close()
})
