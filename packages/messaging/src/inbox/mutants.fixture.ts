// Inboxes broken by hand: each is a copy of this package with one change in its text, on which property.int.ts, or
// another test, must fail, naming what is broken. A text that is not found exactly once has moved on: the mutant has to follow it.
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

export function eachIsCaught(mutants: Record<string, Mutant>, by = property): void {
  for (const [name, mutant] of Object.entries(mutants)) {
    test(name, async () => {
      const output = await outputOf(mutant, 300, by)
      const invariant = output.match(/(I\d|rule \d+), .+?(?=: )/)?.[0]
      const runs = output.match(/Property failed after (\d+) tests/)?.[1]
      assert.ok(invariant && runs, `no invariant is named: ${output}`)
      console.log(`${name}: ${invariant} (history ${runs})`)
    })
  }
}

const property = 'property.int.ts'
const outputOf = ({ file, from, to }: Mutant, histories: number, test = property): Promise<string> =>
  outputOfMutant({
    edits: [{ file: `packages/messaging/src/${file}`, from, to }],
    test: `packages/messaging/src/inbox/${test}`,
    env: { INBOX_SEED: '1', INBOX_SEQUENCES: String(histories), INBOX_SHRINK: 'no' },
  })
