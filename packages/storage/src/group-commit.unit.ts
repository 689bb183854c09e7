import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { GroupCommit, type GroupCommitOptions, Overdue, QueueFull } from './group-commit.ts'

interface Request {
  id: number
  key: string
  weight?: number
  /** Its outcome comes after its group is committed. */
  continued?: PromiseWithResolvers<number>
  overdue?: boolean
}

/** A commit that each test ends when it likes. */
function recorder(options: Partial<GroupCommitOptions<Request, number>> = {}) {
  const flights: { group: readonly Request[]; end: (error?: Error) => void }[] = []
  const log: { key: string; id: number; at: 'start' | 'end' }[] = []
  let most = 0
  const commits = new GroupCommit<Request, number>({
    key: (request) => request.key,
    weight: ({ weight = 1 }) => weight,
    run: async (group) => {
      for (const { id, key } of group) log.push({ id, key, at: 'start' })
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      flights.push({ group, end: (error) => (error ? reject(error) : resolve()) })
      most = Math.max(most, flights.length)
      await promise
      for (const { id, key, continued } of group) {
        const end = () => log.push({ id, key, at: 'end' })
        if (continued) continued.promise.then(end, end)
        else end()
      }
      return group.map(({ id, continued }) => continued?.promise ?? id)
    },
    isOverdue: ({ overdue = false }) => overdue,
    maxGroup: 500,
    maxInFlight: 2,
    maxQueued: 10_000,
    ...options,
  })
  return { commits, flights, log, most: () => most }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))
const request = (id: number, key: string): Request => ({ id, key })

test('requests of one turn share a group, and each gets its own outcome', async () => {
  const { commits, flights } = recorder()
  const all = [1, 2, 3].map((id) => commits.submit(request(id, `o${id}`)))
  await turn()
  assert.deepEqual(
    flights.map(({ group }) => group.map(({ id }) => id)),
    [[1, 2, 3]],
  )
  flights[0]!.end()
  assert.deepEqual(await Promise.all(all), [1, 2, 3])
})

test('rule 1: requests that share a key never meet in a group or in flight, and keep their order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      fc.infiniteStream(fc.nat(3)),
      async (keys, maxGroup, choices) => {
        const { commits, flights, log, most } = recorder({ maxGroup })
        const answers = []
        const continued: (() => void)[] = []
        for (const [id, key] of keys.entries()) {
          const later = choices.next().value === 1 ? Promise.withResolvers<number>() : undefined
          if (later) continued.push(() => later.resolve(id))
          answers.push(commits.submit({ id, key, ...(later && { continued: later }) }))
          if (choices.next().value === 0) await turn()
        }
        await turn()
        while (flights.length > 0 || continued.length > 0) {
          const ofGroup = continued.length === 0 || (flights.length > 0 && choices.next().value > 0)
          const n = choices.next().value % (ofGroup ? flights : continued).length
          if (ofGroup) flights.splice(n, 1)[0]!.end()
          else continued.splice(n, 1)[0]!()
          await turn()
          // What a continued one let go is ready only now.
          await turn()
        }
        assert.deepEqual(
          await Promise.all(answers),
          keys.map((_, id) => id),
        )
        assert.ok(most() <= 2)
        for (const key of ['a', 'b', 'c', 'd', 'e']) {
          const ofKey = log.filter((entry) => entry.key === key).map(({ id, at }) => `${id} ${at}`)
          const ids = keys.flatMap((each, id) => (each === key ? [id] : []))
          assert.deepEqual(
            ofKey,
            ids.flatMap((id) => [`${id} start`, `${id} end`]),
          )
        }
      },
    ),
  )
})

test('a group is at most maxGroup, and at most two are in flight', async () => {
  const { commits, flights } = recorder({ maxGroup: 10 })
  const answers = Array.from({ length: 35 }, (_, id) => commits.submit(request(id, `o${id}`)))
  await turn()
  assert.deepEqual(
    flights.map(({ group }) => group.length),
    [10, 10],
  )
  while (flights.length > 0) {
    flights.shift()!.end()
    await turn()
    assert.ok(flights.length <= 2)
  }
  assert.equal((await Promise.all(answers)).length, 35)
})

test('a full queue refuses, and takes requests again when it has drained', async () => {
  const { commits, flights } = recorder({ maxQueued: 3, maxInFlight: 1 })
  const answers = [1, 2, 3].map((id) => commits.submit(request(id, `o${id}`)))
  await assert.rejects(commits.submit(request(4, 'o4')), QueueFull)
  await turn()
  flights.shift()!.end()
  await Promise.all(answers)
  const fifth = commits.submit(request(5, 'o5'))
  await turn()
  flights.shift()!.end()
  assert.equal(await fifth, 5)
})

test('a key has its own bound, in flight included: over it that key alone is refused, until some of it is answered', async () => {
  const { commits, flights } = recorder({ maxOfKey: 3, maxInFlight: 1 })
  const continued = Promise.withResolvers<number>()
  const first = commits.submit({ id: 1, key: 'held', continued })
  await turn()
  flights.shift()!.end()
  const behind = commits.submit({ id: 2, key: 'held', weight: 2 })
  await assert.rejects(commits.submit(request(3, 'held')), { name: 'QueueFull', message: /held/ })
  const other = commits.submit(request(4, 'other'))
  await turn()
  flights.shift()!.end()
  assert.equal(await other, 4)
  continued.resolve(1)
  assert.equal(await first, 1)
  const again = commits.submit(request(5, 'held'))
  await turn()
  flights.shift()!.end()
  assert.equal(await behind, 2)
  await turn()
  flights.shift()!.end()
  assert.equal(await again, 5)
})

test('the error of a group goes to each of its requests, and to no other', async () => {
  const { commits, flights } = recorder()
  const first = commits.submit(request(1, 'a'))
  const second = commits.submit(request(2, 'a'))
  await turn()
  flights.shift()!.end(new Error('away'))
  await assert.rejects(first, /away/)
  await turn()
  flights.shift()!.end()
  assert.equal(await second, 2)
})

test('large requests count as several: groups and queue are bounded by what they hold, and the largest goes alone', async () => {
  const { commits, flights } = recorder({ maxGroup: 10, maxInFlight: 1, maxQueued: 28 })
  const weights = [4, 5, 2, 25, 1]
  const all = weights.slice(0, 3).map((weight, id) => commits.submit({ id, key: `o${id}`, weight }))
  await turn()
  all.push(...weights.slice(3).map((weight, n) => commits.submit({ id: 3 + n, key: `o${3 + n}`, weight })))
  await assert.rejects(commits.submit(request(9, 'o9')), QueueFull)
  for (let n = 0; n < 4; n++) {
    await turn()
    flights[n]!.end()
  }
  await Promise.all(all)
  assert.deepEqual(
    flights.map(({ group }) => group.map(({ id }) => id)),
    [[0, 1], [2], [3], [4]],
  )
})

test('a request that is continued outside its group holds its followers, and nobody else', async () => {
  const { commits, flights } = recorder({ maxInFlight: 1 })
  const continued = Promise.withResolvers<number>()
  const first = commits.submit({ id: 1, key: 'held', continued })
  const follower = commits.submit(request(2, 'held'))
  const other = commits.submit(request(3, 'other'))
  await turn()
  flights.shift()!.end()
  assert.equal(await other, 3)
  const another = commits.submit(request(4, 'another'))
  await turn()
  flights.shift()!.end()
  assert.equal(await another, 4)
  assert.equal(flights.length, 0, 'the follower has not begun')
  continued.resolve(1)
  assert.equal(await first, 1)
  await turn()
  flights.shift()!.end()
  assert.equal(await follower, 2)
})

test('when a continued request fails, those behind it that are overdue get its error in their order, and are not tried', async () => {
  const { commits, flights } = recorder({ maxQueued: 4 })
  const continued = Promise.withResolvers<number>()
  const told: string[] = []
  const submit = (id: number, more: Partial<Request> = {}) =>
    commits.submit({ id, key: 'held', ...more }).then(
      () => told.push(`${id} done`),
      (error: Error) => told.push(`${id} ${error.message}`),
    )
  const first = submit(1, { continued })
  const late = [submit(2, { overdue: true }), submit(3, { overdue: true })]
  const inTime = submit(4)
  await turn()
  flights.shift()!.end()
  await turn()
  continued.reject(new Error('locked'))
  await Promise.all([first, ...late])
  await turn()
  assert.deepEqual(told, ['1 locked', '2 locked', '3 locked'])
  assert.deepEqual(
    flights.map(({ group }) => group.map(({ id }) => id)),
    [[4]],
  )
  // What succeeds passes no failure on, not even to one for which it is too late by itself; and the queue has room again.
  const behind = [submit(5, { overdue: true }), submit(6), submit(7)]
  flights.shift()!.end()
  await inTime
  for (const _ of behind) {
    await turn()
    flights.shift()!.end()
  }
  await Promise.all(behind)
  assert.deepEqual(told.slice(3), ['4 done', '5 done', '6 done', '7 done'])
})

test('what has waited too long is refused when a group fails, and never while groups succeed', async () => {
  const late = new Set([3])
  const { commits, flights } = recorder({ maxInFlight: 1, isOverdue: ({ id }) => late.has(id) })
  const first = commits.submit(request(1, 'a'))
  await turn()
  const [second, third, fourth, follower] = [request(2, 'a'), request(3, 'b'), request(4, 'c'), request(5, 'b')].map(
    (r) => commits.submit(r),
  )
  flights.shift()!.end()
  await first
  await turn()
  assert.deepEqual(flights[0]!.group.map(({ id }) => id).sort(), [2, 3, 4])
  const behind = [request(6, 'd'), request(7, 'e')].map((r) => commits.submit(r))
  await turn()
  late.add(6)
  const refused = assert.rejects(behind[0]!, Overdue)
  const failed = [second, third, fourth].map((each) => assert.rejects(each!, /away/))
  flights.shift()!.end(new Error('away'))
  await Promise.all([...failed, refused])
  await turn()
  assert.deepEqual(flights[0]!.group.map(({ id }) => id).sort(), [5, 7])
  flights.shift()!.end()
  assert.deepEqual(await Promise.all([follower, behind[1]]), [5, 7])
})

test('who would wait for longer than maxWaitMs at the pace of the last group is refused, and nobody who waits', async (t) => {
  let now = 0
  t.mock.method(performance, 'now', () => now)
  const { commits, flights } = recorder({ maxGroup: 2, maxInFlight: 1, maxWaitMs: 500 })
  const end = async (ms: number) => {
    await turn()
    now += ms
    flights.shift()!.end()
    await turn()
  }
  const answers = [commits.submit(request(0, 'a'))]
  await end(300)
  answers.push(commits.submit(request(1, 'b')))
  await turn()
  // Two behind the one in flight: the next group has them.
  answers.push(commits.submit({ id: 2, key: 'c', weight: 2 }))
  assert.equal(commits.isBehind, false)
  // With a third it is 1.5 groups of 300 ms: still in time. What waits behind its own key delays nobody.
  answers.push(commits.submit(request(3, 'd')), commits.submit({ id: 4, key: 'd', weight: 100 }))
  assert.equal(commits.isBehind, false)
  answers.push(commits.submit(request(5, 'e')))
  assert.equal(commits.isBehind, true)
  await assert.rejects(commits.submit(request(6, 'f')), QueueFull)
  // 1 is done, and 2 in flight: 3 and 5 are one group.
  await end(2_000)
  assert.equal(commits.isBehind, false)
  while (flights.length > 0) await end(1)
  assert.deepEqual(await Promise.all(answers), [0, 1, 2, 3, 4, 5])
})

test('after a group that failed it is not known what takes how long, and nobody is refused for it', async (t) => {
  let now = 0
  t.mock.method(performance, 'now', () => now)
  const { commits, flights } = recorder({ maxGroup: 1, maxInFlight: 1, maxWaitMs: 500 })
  const first = commits.submit(request(1, 'a'))
  await turn()
  const answers = [2, 3, 4].map((id) => commits.submit(request(id, `o${id}`)))
  now = 1_000
  flights.shift()!.end()
  await first
  await turn()
  assert.equal(commits.isBehind, true)
  const away = assert.rejects(answers.shift()!, /away/)
  flights.shift()!.end(new Error('away'))
  await away
  assert.equal(commits.isBehind, false)
  answers.push(commits.submit(request(5, 'o5')))
  for (const answer of answers) {
    await turn()
    flights.shift()!.end()
    await answer
  }
})
