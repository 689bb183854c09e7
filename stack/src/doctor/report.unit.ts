import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../settings.ts'
import { clusterChecks, kafkaReached, rightsCheck } from './cluster-checks.ts'
import { contentChecks } from './content-checks.ts'
import { databaseReached, serverChecks } from './database-checks.ts'
import { settingsRead } from './diagnose.ts'
import { diskChecks } from './disk.ts'
import type { Finding, Verdict } from './finding.ts'
import { registryChecks, registryReached } from './registry-checks.ts'
import { asJson, asText, exitCodes, verdictOf } from './report.ts'
import { partitionsGoOn, serviceAnswers } from './service-checks.ts'
import { topicChecks, topicThere } from './topic-checks.ts'

const finding = (verdict: Verdict, mend?: string): Finding => ({
  ...{ id: 'an-id', about: 'order-events', title: 'a title', why: 'It matters.' },
  ...{ verdict, found: verdict, mend },
})

test('one thing that is wrong counts more than what could not be checked, and that more than what is right', () => {
  const codeOf = (...verdicts: Verdict[]) => exitCodes[verdictOf(verdicts.map((verdict) => finding(verdict)))]
  assert.equal(codeOf('right', 'right'), 0)
  assert.equal(codeOf('right', 'unknown', 'wrong'), 1)
  assert.equal(codeOf('unknown', 'right'), 2)
})

test('a person is told why it matters and what to do; a program gets the same with its id', () => {
  const findings = [finding('right'), finding('wrong', 'one\ntwo'), finding('unknown')]
  assert.equal(
    asText(findings),
    `✔ order-events: a title: right [an-id]
✖ order-events: a title: wrong [an-id]
    why: It matters.
    do:  one
    do:  two
? order-events: a title: unknown [an-id]
    why: It matters.

What is wrong:
✖ order-events: a title: wrong [an-id]
    why: It matters.
    do:  one
    do:  two

1 right, 1 wrong, 1 could not check
`,
  )
  assert.deepEqual(JSON.parse(asJson(findings)).findings[1], findings[1])
})

test('what could not be checked for the same reason is one line, and what wants a right of its own is not in it', () => {
  const unknown = (found: string, mend?: string) => ({ ...finding('unknown', mend), found })
  const [reached, silent] = ['Kafka was not reached', 'its database was not reached']
  const text = asText([
    unknown(reached),
    unknown(silent),
    unknown(reached),
    unknown(reached, 'grant it'),
    unknown(reached),
  ])
  assert.deepEqual(
    text.split('\n').filter((line) => line.startsWith('?')),
    [
      '? 3 checks could not be made: Kafka was not reached (--json names them)',
      '? order-events: a title: its database was not reached [an-id]',
      '? order-events: a title: Kafka was not reached [an-id]',
    ],
  )
  assert.match(text, /\n0 right, 0 wrong, 5 could not check\n$/)
})

test('the page lists every id, and no other', () => {
  const all = [
    ...[settingsRead, kafkaReached, ...clusterChecks, topicThere, ...topicChecks, rightsCheck],
    ...[registryReached, ...registryChecks, databaseReached, ...serverChecks, ...contentChecks, ...diskChecks],
    serviceAnswers,
    partitionsGoOn,
  ].map(({ id }) => id)
  const page = readFileSync(join(root, 'docs/operations.md'), 'utf8')
  const section = page.slice(page.indexOf('## Doctor'), page.indexOf('\n## ', page.indexOf('## Doctor') + 1))
  const listed = [...section.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, id]) => id)
  assert.deepEqual(listed, all)
})
