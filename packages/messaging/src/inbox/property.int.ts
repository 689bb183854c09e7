// Random histories (random-history.fixture.ts) against the inbox and the pure model (model.fixture.ts), compared after
// every step. INBOX_SEQUENCES=5000 runs more of them; INBOX_SEED, and the `path` that a failure prints as INBOX_PATH,
// repeat one. The inboxes broken by hand, which must fail here: inbox.mutants.ts.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { Refused } from '../outbox/ops.ts'
import { historySubject, makeHistoryTable, type Subject } from './history.fixture.ts'
import { compare, passes, same } from './invariants.fixture.ts'
import {
  type Answer,
  type DiscardOf,
  deliver,
  discard,
  emptyInbox,
  heldBy,
  isHeld,
  type ModelInbox,
  type ModelRecord,
  nowhereName,
  parkedUnder,
  redrive,
} from './model.fixture.ts'
import type { Redriven } from './ops.ts'
import { type Action, type History, keys, repairs, type Step, someHistory } from './random-history.fixture.ts'
import { type InboxRig, inboxRig } from './rig.fixture.ts'

/** Found here once. */
const examples: [History][] = [
  // A record is read again while it is discarded.
  [
    {
      log: [
        { place: '0', key: null },
        { place: '1', key: 'a', schema: 1, event: { id: 'a-1', key: 'a', version: 1 } },
      ],
      steps: [
        { do: 'batch', take: 2, back: 0 },
        { do: 'rewind', by: 1 },
        {
          do: 'meet',
          repair: 1,
          first: { do: 'discard', name: 0, target: 0, how: '' },
          second: { do: 'batch', take: 1, back: 0 },
          at: 4,
        },
      ],
    },
  ],
  // The first record of a key arrives while a record that belongs to none, and bears its name, is redriven. (A discard
  // meets the batch at the partition's position already.)
  [
    {
      log: [
        { place: '0', key: null },
        { place: '1', key: nowhereName('0'), event: { id: 'v1', key: nowhereName('0'), version: 1 } },
        { place: '2', key: nowhereName('0'), junk: 'text' },
      ],
      steps: [
        { do: 'batch', take: 1, back: 0 },
        {
          do: 'meet',
          repair: 1,
          first: { do: 'redrive', name: 2, dry: false },
          second: { do: 'batch', take: 2, back: 0 },
          at: 4,
        },
      ],
    },
  ],
]

let rig: InboxRig

before(async () => {
  rig = await inboxRig()
  await makeHistoryTable(rig)
})
after(() => rig.close())

test('I3, I5, I6 and I7: any history leaves what the model says, after each of its steps', async () => {
  const seed = Number(process.env.INBOX_SEED ?? Date.now() % 2 ** 31)
  const numRuns = Number(process.env.INBOX_SEQUENCES ?? 60)
  // On a slow day fewer are enough; all of them when they are asked for.
  const interruptAfterTimeLimit = process.env.INBOX_SEQUENCES ? 2 ** 30 : 40_000
  console.log(`INBOX_SEED=${seed} INBOX_SEQUENCES=${numRuns}`)
  const endOnFailure = process.env.INBOX_SHRINK === 'no'
  const path = process.env.INBOX_PATH ?? ''
  await fc.assert(fc.asyncProperty(someHistory, run), {
    seed,
    path,
    numRuns,
    endOnFailure,
    examples,
    interruptAfterTimeLimit,
  })
})

/** What an action of the history means as things stand; both sides are given this. */
type Resolved =
  | { do: 'batch'; from: number; next: number; records: readonly ModelRecord[] }
  | { do: 'redrive'; key: string; dry: boolean }
  | { do: 'discard'; key: string; place: string; how: DiscardOf }

async function run({ log, steps }: History): Promise<void> {
  const subject = await historySubject(rig)
  let model = emptyInbox()
  let rewound = false
  const end = Number(log.at(-1)?.place ?? 0) + 1

  const recoveries = [
    ...repairs.map((repair): Step => ({ do: 'repair', repair })),
    ...['unknown-schema', 'apply-failed', 'constraint'].map((cause): Step => ({ do: 'redriveAll', cause, dry: false })),
  ]
  for (const step of [...steps, { do: 'batch', take: log.length, back: 0 } as const, ...recoveries]) {
    try {
      await take(step)
    } catch (error) {
      throw new Error(`${JSON.stringify(step)}: ${(error as Error).message}`, { cause: error })
    }
  }

  async function take(step: Step): Promise<void> {
    let possible: ModelInbox[] = [structuredClone(model)]
    const [next] = possible as [ModelInbox]
    switch (step.do) {
      case 'repair':
        return repair(step.repair)
      case 'restart':
        return subject.restart()
      case 'hole':
        await assert.rejects(
          subject.batch(model.position + 1, model.position + 2, []),
          { name: 'OffsetGap' },
          'I7, what lies before a batch was never read: it is not refused',
        )
        break
      case 'rewind':
        // Not when what could not be read then can be read now: whether the log's second copy is known would depend on the batch.
        if (model.repairs.length > 0) return
        rewound = true
        next.position = Math.max(0, model.position - step.by)
        await subject.rewind(next.position)
        break
      case 'redriveAll': {
        const expected: Record<string, unknown> = {}
        for (const key of heldBy(next, step.cause)) {
          const one = expectedOf(possible[0]!, { do: 'redrive', key, dry: step.dry })
          possible = [one.inbox]
          expected[key] = one.answer
        }
        const { items } = await subject.redriveAll(step.cause, step.dry)
        const answers = Object.fromEntries(items.map((item) => [item.key, told(item)]))
        same('rule 18, the answer', answers, expected)
        break
      }
      case 'meet': {
        await repair(step.repair)
        const [first, second] = [resolve(step.first), resolve(step.second)]
        const answers = await subject.interrupted.meet(
          step.at,
          () => perform(subject, first),
          () => perform(subject, second),
        )
        // As if one had come after the other.
        const one = expectedOf(model, first)
        const oneThenOther = expectedOf(one.inbox, second)
        const other = expectedOf(model, second)
        const otherThenOne = expectedOf(other.inbox, first)
        possible = [
          ...(passes(() => same('', answers, [one.answer, oneThenOther.answer])) ? [oneThenOther.inbox] : []),
          ...(passes(() => same('', answers, [otherThenOne.answer, other.answer])) ? [otherThenOne.inbox] : []),
          // A redrive that meets another between its steps takes its answer.
          ...(isSameRedrive(first, second) && passes(() => same('', answers, [one.answer, one.answer]))
            ? [one.inbox]
            : []),
        ]
        assert.ok(possible.length > 0, `rule 18, the answers: ${JSON.stringify(answers)} in neither order`)
        break
      }
      default: {
        const action = resolve(step)
        possible = [step.killedAt === undefined ? await done(action) : await doneUnlessKilled(action, step.killedAt)]
      }
    }
    await subject.goOn()
    const stored = await subject.stored()
    const check = (inbox: ModelInbox) => compare(subject.told, stored, inbox, rewound)
    model = possible.find((inbox) => passes(() => check(inbox))) ?? possible[0]!
    check(model)
  }

  async function repair(one: number): Promise<void> {
    // A record that is read a second time is what it was the first time: see `rewind`.
    if (rewound && model.position < end) return
    await subject.repair(one)
    model.repairs.push(one)
  }

  async function done(action: Resolved, given = perform(subject, action)): Promise<ModelInbox> {
    const { inbox, answer } = expectedOf(model, action)
    same('rule 18, the answer', await given, answer)
    return inbox
  }

  async function doneUnlessKilled(action: Resolved, at: number): Promise<ModelInbox> {
    subject.interrupted.killAt(at)
    const given = perform(subject, action)
    const error: Error | undefined = await given.then(
      () => undefined,
      (reason) => reason,
    )
    const isKilled = subject.interrupted.wasInterrupted()
    if (!error) return done(action, given)
    if (!isKilled) throw error
    // A batch may have been stored in part: as far as it said.
    const next: number | undefined = Reflect.get(error, 'positions')?.at(-1)
    if (action.do !== 'batch' || next === undefined) return model
    const records = action.records.filter(({ place }) => Number(place) < next)
    return expectedOf(model, { ...action, next, records }).inbox
  }

  function resolve(action: Action): Resolved {
    if (action.do === 'batch') {
      const from = Math.max(0, model.position - action.back)
      const at = log.findIndex(({ place }) => Number(place) >= model.position)
      const last = at < 0 ? log.length : at + action.take
      const next = Math.max(model.position, Number(log[last]?.place ?? end))
      const inside = ({ place }: ModelRecord) => Number(place) >= from && Number(place) < next
      return { do: 'batch', from, next, records: log.filter(inside) }
    }
    const held = keys.filter((key) => model.keyStates[key] && isHeld(model.keyStates[key]))
    const names = [...held, ...keys, ...Object.keys(model.nowhere)]
    const key = names[action.name % names.length]!
    if (action.do === 'redrive') return { do: 'redrive', key, dry: action.dry }
    const parked = parkedUnder(model, key)
    const heads = parked.filter(({ state }) => state === 'head')
    const earlier = Object.keys(model.answers).flatMap((answer) => answer.split(`${key} `)[1] ?? [])
    const targets = [...[...heads, ...parked].map(({ record }) => record.place), ...earlier, '999']
    return { do: 'discard', key, place: targets[action.target % targets.length]!, how: action.how }
  }
}

const isSameRedrive = (one: Resolved, other: Resolved): boolean =>
  one.do === 'redrive' && other.do === 'redrive' && !one.dry && !other.dry && one.key === other.key

function expectedOf(before: ModelInbox, action: Resolved): { inbox: ModelInbox; answer: unknown } {
  const inbox = structuredClone(before)
  if (action.do === 'batch') {
    assert.ok(deliver(inbox, action.from, action.next, action.records))
    return { inbox, answer: undefined }
  }
  if (action.do === 'discard') return { inbox, answer: discard(inbox, action.key, action.place, action.how) }
  const answer = redrive(inbox, action.key)
  if (!action.dry || 'refused' in answer) return { inbox: action.dry ? before : inbox, answer }
  return { inbox: before, answer: { ...answer, events: foreseen(before, inbox, action.key) } }
}

/** By place, what becomes of what is parked of a key. */
function foreseen(before: ModelInbox, inbox: ModelInbox, key: string): Record<string, string> {
  const own = (before.keyStates[key]?.parked ?? []).filter(({ state }) => state !== 'conflict')
  const left = [...(inbox.keyStates[key]?.parked ?? []), ...Object.values(inbox.nowhere)]
  const applied = inbox.applied.slice(before.applied.length)
  return Object.fromEntries(
    own.map(({ record: { place } }) => [
      place,
      left.find(({ record }) => record.place === place)?.state ??
        (applied.some((record) => record.place === place) ? 'applied' : 'duplicate'),
    ]),
  )
}

/** Its answer, with places for names. */
async function perform(subject: Subject, action: Resolved): Promise<unknown> {
  if (action.do === 'redrive') return told(await subject.redrive(action.key, action.dry))
  if (action.do === 'discard') return told(await subject.discard(action.key, action.place, action.how))
  await subject.batch(action.from, action.next, action.records)
  return undefined
}

const placeOf = (event: string): string => event.split('/')[2] ?? event

function told(answer: Redriven | Refused): Answer & { events?: Record<string, string> } {
  if ('refused' in answer) return { refused: answer.refused }
  const { applied, remaining, stoppedAt, skipped, events } = answer
  return {
    applied,
    remaining,
    stoppedAt: stoppedAt && placeOf(stoppedAt),
    ...(skipped && { skipped }),
    ...(events && { events: Object.fromEntries(events.map(({ event, becomes }) => [placeOf(event), becomes])) }),
  }
}
