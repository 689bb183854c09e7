// Inboxes broken by hand: each is a copy of this package with one change in its text, and property.int.ts must fail on it,
// naming what is broken. A text that is not found exactly once has moved on: the mutant has to follow it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { outputOfMutant } from '@inorder/testing/mutant.ts'

export interface Mutant {
  /** Under src/. */
  file: string
  from: string
  to: string
}

/** With these changes, which only make something smaller, the property holds. */
export function holds(name: string, mutant: Mutant): void {
  test(name, async () => {
    const output = await outputOf(mutant, 100)
    assert.match(output, /# pass 1|ℹ pass 1/, output)
  })
}

export function eachIsCaught(mutants: Record<string, Mutant>): void {
  for (const [name, mutant] of Object.entries(mutants)) {
    test(name, async () => {
      const output = await outputOf(mutant)
      const invariant = output.match(/(I\d|rule \d+), .+?(?=: )/)?.[0]
      const runs = output.match(/Property failed after (\d+) tests/)?.[1]
      assert.ok(invariant && runs, `no invariant is named: ${output}`)
      console.log(`${name}: ${invariant} (history ${runs})`)
    })
  }
}

const outputOf = ({ file, from, to }: Mutant, histories = 300): Promise<string> =>
  outputOfMutant({
    edits: [{ file: `packages/messaging/src/${file}`, from, to }],
    test: 'packages/messaging/src/inbox/property.int.ts',
    env: { INBOX_SEED: '1', INBOX_SEQUENCES: String(histories), INBOX_SHRINK: 'no' },
  })
