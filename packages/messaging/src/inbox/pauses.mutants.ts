// Pauses broken by hand: the tests of rule 25 must fail on each.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { outputOfMutant } from '@inorder/testing/mutant.ts'

const inboxTests = 'packages/messaging/src/inbox/pauses.int.ts'
const mutants: Record<string, { file: string; from: string; to: string; test?: string }> = {
  'a batch reads the pauses without their lock': {
    file: 'inbox/pauses.ts',
    from: `WHERE what = 'inbox' AND \${inForce} FOR KEY SHARE)`,
    to: `WHERE what = 'inbox' AND \${inForce})`,
  },
  'who pauses does not wait for batches': {
    file: 'inbox/pause-operator.ts',
    from: 'LOCK TABLE paused IN EXCLUSIVE MODE',
    to: 'LOCK TABLE paused IN ROW EXCLUSIVE MODE',
  },
  'what was held for a key is forgotten when it is resumed': {
    file: 'inbox/pause-operator.ts',
    from: 'if (keys.length > 0) await goOn(tx, keys)',
    to: '',
  },
  'a batch that sees the pause goes on': {
    file: 'inbox/batch.ts',
    from: 'if (paused.inbox) throw new InboxPaused()',
    to: '',
  },
  'effects are claimed without the lock': {
    file: 'effects/store.ts',
    from: `WHERE what = 'effects' AND \${inForce} FOR KEY SHARE`,
    to: `WHERE what = 'effects' AND \${inForce}`,
    test: 'packages/messaging/src/effects/pauses.int.ts',
  },
}

describe('rule 25 does not hold where', { concurrency: 2 }, () => {
  for (const [name, { file, from, to, test: by = inboxTests }] of Object.entries(mutants)) {
    test(name, async () => {
      const edits = [{ file: `packages/messaging/src/${file}`, from, to }]
      assert.match(await outputOfMutant({ edits, test: by }), /✖ rule 25/)
    })
  }
})
