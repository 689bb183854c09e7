// What the verdict offers: nothing that cannot help, and commands that a shell takes as they are meant.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { quoted } from '@inorder/contracts/shell.ts'
import { Verdict } from '@inorder/contracts/timeline.ts'
import { shapeOf } from '@inorder/http/validation.ts'
import fc from 'fast-check'
import { command } from './commands.ts'
import { effect, factsOf, parked, pause, row } from './facts.fixture.ts'
import { verdictOf } from './verdict.ts'

const isVerdict = shapeOf(Verdict)
const causes = [
  ...['undecodable', 'unknown-schema', 'out-of-bounds', 'tombstone', 'key-mismatch', 'too-large', 'apply-failed'],
  ...['constraint', 'refused', 'paused', 'behind', 'gap', 'conflict'],
]
const someText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom("'", '$(touch x)', '-x', 'a\nb', '`id`', '"', '\\'),
)
const version = fc.option(fc.integer({ min: 1, max: 5 }))
const somePause = fc.record({
  what: fc.constantFrom('inbox', 'effects', 'key'),
  until: fc.option(fc.constant('2026-11-24T00:00:00.000Z')),
})
const someService = fc.record({
  fault: fc.option(fc.constant('does not answer'), { freq: 4 }),
  appliedVersion: version,
  status: fc.option(fc.constantFrom('declined', 'backordered', 'charged', 'cancelled')),
  parked: fc
    .array(
      fc.record({
        state: fc.constantFrom('head', 'behind', 'waiting', 'conflict'),
        cause: fc.constantFrom(...causes),
        version,
        detail: someText,
      }),
      { maxLength: 3 },
    )
    .map((events) => events.map((one, n) => parked({ ...one, event: `topic/3/${n}` }))),
  effects: fc.array(
    fc
      .record({
        state: fc.constantFrom('parked', 'behind', 'due', 'running', 'again', 'paused', 'done'),
        cause: fc.option(fc.constantFrom('cannot-be-sent', 'no-answer', 'status-404')),
      })
      .map(effect),
    { maxLength: 2 },
  ),
  pauses: fc.array(somePause.map(pause), { maxLength: 2 }),
  missing: fc.subarray(['kafka', 'records of order-events/3', 'partition order-events/3 (retried for 15 s)']),
})
const someFacts = fc
  .record({
    orderId: someText,
    cart: someService,
    order: someService,
    inventory: someService,
    billing: someService,
    shipping: someService,
    outbox: fc.array(fc.record({ version, setAside: fc.boolean() }).map(row), { maxLength: 2 }),
  })
  .map(factsOf)

test('whatever the services tell, the verdict is of its schema, says one sentence, and offers only what can help', () => {
  const fine = new Set(['undecodable', 'tombstone', 'key-mismatch'])
  fc.assert(
    fc.property(someFacts, (facts) => {
      const verdict = verdictOf(facts)
      assert.ok(isVerdict(verdict), JSON.stringify(isVerdict.errors))
      assert.match(verdict.sentence, /^[A-Z][^\n]*\.$/s)
      assert.equal(verdict.service === null, verdict.state === 'fine')
      const { service, event } = verdict
      const told = service === null ? undefined : facts.services[service as keyof typeof facts.services]
      const commands = verdict.next.map(({ command }) => command)
      const held = told?.parked.find((one) => one.event === event)
      if (held && fine.has(held.cause) && verdict.cause === 'undecodable')
        assert.ok(!commands.some((one) => one.startsWith('inorder redrive')), commands.join())
      if (
        verdict.cause === 'effect-parked' &&
        told?.effects.find(({ state }) => state === 'parked')?.cause === 'cannot-be-sent'
      )
        assert.ok(!commands.some((one) => one.startsWith('inorder redrive')), commands.join())
      // Nothing is redriven or discarded while it is paused.
      if (held && told?.pauses.some(({ what }) => what !== 'effects'))
        assert.ok(
          commands.every((one) => one.startsWith('inorder resume')),
          commands.join(),
        )
    }),
    { numRuns: 2_000 },
  )
})

const folder = mkdtempSync(join(tmpdir(), 'inorder-commands-'))
after(() => rmSync(folder, { recursive: true }))
const standIn = join(folder, 'inorder')
writeFileSync(standIn, `#!/bin/sh\nfor one in "$@"; do printf '%s\\0' "$one"; done\n`)
chmodSync(standIn, 0o755)

/** The arguments with which a real shell calls `inorder`, of several commands in a row. */
const argumentsOf = (shell: string, commands: readonly string[]): string[] =>
  execFileSync(shell, ['-c', commands.join('\n')], {
    env: { PATH: `${folder}:${process.env.PATH}` },
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: folder,
  })
    .toString()
    .split('\0')
    .slice(0, -1)

const traps = [
  ...['$(touch stolen)', '`touch stolen`', "it's", `"quoted"`, 'a\nb', '-x', '--json', '-', '', ' ', '~', '*', '=ls'],
  ...[
    '!!',
    '#',
    'a;b',
    '&',
    '|',
    '\\',
    '\\n',
    '$HOME',
    '$' + '{HOME}',
    "'$(touch stolen)'",
    '\t',
    'żółw-注文-🛒',
    '{a,b}',
    '\u001b[31m',
  ],
]

for (const shell of ['bash', 'sh'])
  test(`${shell} gives every argument to inorder as it is`, () => {
    const commands = traps.map((trap) => command('discard', { event: trap, reason: trap }, trap))
    const expected = traps.flatMap((trap) => ['discard', `--event=${trap}`, `--reason=${trap}`, '--', trap])
    assert.deepEqual(argumentsOf(shell, commands), expected)
    const any = fc.sample(fc.string({ unit: 'binary' }), 300).map((text) => text.replaceAll(/[\0\p{Cs}]/gu, '?'))
    assert.deepEqual(
      argumentsOf(
        shell,
        any.map((text) => `inorder ${quoted(text)}`),
      ),
      any,
    )
  })

test('the commands of a verdict name the order as it is', () => {
  for (const orderId of traps.filter((trap) => trap !== '')) {
    const { next } = verdictOf(factsOf({ orderId, order: { parked: [parked({ cause: 'constraint' })] } }))
    assert.equal(next.length, 3)
    const said = argumentsOf(
      'bash',
      next.map(({ command }) => command),
    )
    assert.equal(said.filter((one) => one === orderId).length, 3, orderId)
  }
})
