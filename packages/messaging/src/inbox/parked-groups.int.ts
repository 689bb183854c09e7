// What an operator sees before they decide: groups of what holds keys up, and one key's events as they came.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { unique } from '@inorder/testing/parts.ts'
import { RegistryUnavailable } from '../kafka/registry.ts'
import { modelRegistry, recordOf } from './model-topic.fixture.ts'
import { event, inboxRig, lossy, newer, poison } from './rig.fixture.ts'

const { pool, consumer, close } = await inboxRig()
after(close)

test('groups hold keys by cause and detail, page by page, with their oldest; what stands behind is in none', async () => {
  const { operator, commit } = consumer({ registry: lossy().registry })
  const gap = { cause: 'gap', detail: 'version 2 has not come yet' }
  for (let n = 0; n < 3; n++) {
    const [o, p] = [unique('o'), unique('p')]
    await commit([event(6 * n, o, 1), event(6 * n + 1, o, 3), event(6 * n + 2, o, 4)], 6 * n, 6 * n + 3)
    await commit([event(6 * n + 3, p, 1), poison(6 * n + 4, p), event(6 * n + 5, p, 2)], 6 * n + 3, 6 * n + 6)
  }
  await pool.query(
    `UPDATE parked SET parked_at = '2026-11-23T14:20:19Z' WHERE seq = (SELECT max(seq) FROM parked WHERE cause = 'gap')`,
  )
  const all = await operator.groups({ limit: 100 })
  assert.equal(all.next, null)
  assert.deepEqual(all.items[0], { service: 'test', ...gap, count: 3, oldest: '2026-11-23T14:20:19.000Z' })
  assert.deepEqual(
    all.items.map(({ cause, count }) => [cause, count]),
    [
      ['gap', 3],
      ['undecodable', 3],
    ],
  )
  const first = await operator.groups({ limit: 1 })
  assert.deepEqual(first.items, all.items.slice(0, 1))
  const rest = await operator.groups({ limit: 1, after: first.next! })
  assert.deepEqual(rest, { items: all.items.slice(1), next: null })
})

test('a detail of any length, and of any characters, leads on to the next page', async () => {
  await pool.query('DELETE FROM parked')
  const { operator, commit } = consumer()
  const details = ['a\nb "ü" \u0001', `${'x'.repeat(199)}€`, `${'x'.repeat(199)}€ and more`, 'z']
  for (const [n, detail] of details.entries()) {
    const o = unique('o')
    await commit([poison(n, o)], n, n + 1)
    await pool.query('UPDATE parked SET detail = $2 WHERE key = $1', [o, detail])
  }
  const seen: [string, number][] = []
  for (let after: string | undefined; ; ) {
    const { items, next } = await operator.groups({ limit: 1, ...(after && { after }) })
    seen.push(...items.map(({ detail, count }): [string, number] => [detail, count]))
    if (!next) break
    after = next
  }
  assert.deepEqual(
    new Map(seen),
    new Map([
      [details[0]!, 1],
      [details[1]!, 2],
      ['z', 1],
    ]),
  )
})

test('a parked event is shown as it came: headers, bytes for those who may see them, and what it says', async () => {
  const o = unique('o')
  let trouble: Error | undefined
  const registry = {
    schemaOf: async (id: number) => {
      if (trouble) throw trouble
      return modelRegistry.schemaOf(id)
    },
  }
  const { operator, commitRecords } = consumer({ registry })
  const refused = recordOf(event(1, o, 2, { refused: true }))
  const odd = [Buffer.from('odd'), null] as unknown as [Buffer, Buffer]
  await commitRecords(
    [recordOf(event(0, o, 1)), { ...refused, headers: [...refused.headers, odd] }, recordOf(poison(2, o))],
    0,
    3,
  )
  const [head, behind] = (await operator.of(o, { raw: true }))!.events
  assert.deepEqual([head?.state, head?.cause, head?.timestamp], ['head', 'apply-failed', '2023-11-14T22:13:20.000Z'])
  assert.deepEqual(head?.headers, [
    { name: 'trace', value: 'AP8=', encoding: 'base64' },
    { name: 'odd', value: null },
  ])
  assert.equal(head?.bytes, refused.value.toString('base64'))
  assert.equal(head?.keyBytes, Buffer.from(o).toString('base64'))
  assert.deepEqual(head?.decoded, event(1, o, 2, { refused: true }).event)
  assert.deepEqual([behind?.decoded, behind?.bytes], [null, Buffer.from('garbage').toString('base64')])
  const [unseen] = (await operator.of(o))!.events
  assert.deepEqual([unseen && 'bytes' in unseen, unseen?.decoded], [false, head?.decoded])

  await commitRecords([newer(3, o, 3)], 3, 4)
  trouble = new RegistryUnavailable('GET /schemas/ids/9: refused')
  await pool.query(`UPDATE parked SET record_value = '\\x0000000009'::bytea WHERE key = $1 AND record_offset = 3`, [o])
  assert.equal((await operator.of(o))!.events[2]?.decoded, null, 'without the registry the rest is shown')
})

test('of much that is parked the first 1 MiB is shown as it came, and one event at least', async () => {
  const o = unique('o')
  const { operator, commitRecords } = consumer()
  const large = (place: number, size: number) => ({ ...recordOf(poison(place, o)), value: Buffer.alloc(size, 'x') })
  await commitRecords([large(0, 1_000_000), large(1, 100_000), large(2, 10)], 0, 3)
  const shown = (await operator.of(o, { raw: true }))!.events.map(
    ({ bytes }) => bytes && Buffer.from(bytes, 'base64').length,
  )
  assert.deepEqual(shown, [1_000_000, 100_000, undefined])
})

test('of one key no more than 10,000 events are listed, the head first', async () => {
  const o = unique('o')
  const { operator, commitRecords } = consumer()
  await commitRecords([recordOf(poison(0, o))], 0, 1)
  await pool.query(
    `INSERT INTO parked (key, keyless, topic_id, partition, record_offset, topic, state, cause, detail, headers, recorded_ms, attempts)
     SELECT key, false, topic_id, partition, n, topic, 'behind', 'behind', '', '[]', 0, 0
     FROM parked, generate_series(1, 10000) AS n WHERE key = $1`,
    [o],
  )
  for (const { events } of [(await operator.of(o))!, (await operator.stateOf(o))!]) {
    assert.equal(events.length, 10_000)
    assert.equal(events[0]?.state, 'head')
  }
})

test('what its headers hold counts as much', async () => {
  const o = unique('o')
  const { operator, commitRecords } = consumer()
  const headers = [[Buffer.from('h'), Buffer.alloc(600_000, 'x')]] as const
  const large = (place: number) => ({ ...recordOf(poison(place, o)), headers })
  await commitRecords([large(0), large(1), large(2)], 0, 3)
  const shown = (await operator.of(o))!.events.map(({ headers }) => headers?.length)
  assert.deepEqual(shown, [1, 1, undefined])
})
