import { describe } from 'node:test'
import { eachIsCaught, holds } from './mutants.fixture.ts'

holds('any history leaves the same where a step takes two records', {
  file: 'inbox/redrive-sizes.ts',
  from: '{ together: 500, oneByOne: 50, least: 4 }',
  to: '{ together: 2, oneByOne: 1, least: 1 }',
})

describe('the property fails for a redrive or a discard in which', { concurrency: 2 }, () =>
  eachIsCaught({
    'a redrive does not lock its key': {
      file: 'inbox/store.ts',
      from: 'await lockRows(tx, [key])',
      to: `await lockRows({ query: (one) => tx.query({ ...one, text: one.text.replace('FOR UPDATE', '') }) }, [key])`,
    },
    'a redrive takes a key that came after it looked': {
      file: 'inbox/store.ts',
      from: 'isLocked: row !== undefined',
      to: 'isLocked: true',
    },
    'what is applied stays parked': {
      file: 'inbox/parked-store.ts',
      from: 'if (removed.length > 0) statements',
      to: 'if (removed.length > 1_000) statements',
    },
    'a redrive goes on after a failure': {
      file: 'inbox/apply.ts',
      from: 'let candidate = judge(keyState, entry, changes)',
      to: 'if (entry.before) keyState.blocked = false; let candidate = judge(keyState, entry, changes)',
    },
    'what stands behind passes what still cannot be read': {
      file: 'inbox/parked-turns.ts',
      from: 'p.version IS NOT NULL AND p.seq < $2',
      to: 'p.version IS NOT NULL AND p.seq <> $2',
    },
    'what is past stays behind the head': {
      file: 'inbox/redrive-steps.ts',
      from: 'if (left.stale) {',
      to: 'if (left.stale && left.hasTurn) {',
    },
    'a discard is forgotten': {
      file: 'inbox/redrive.ts',
      from: 'await addDiscarded(tx, target.topicId, target.record)',
      to: '',
    },
    'versions that never come are not skipped': {
      file: 'inbox/redrive.ts',
      from: 'keyState.version = gap.to',
      to: '',
    },
    'a discard takes the head, whatever was named': {
      file: 'inbox/redrive.ts',
      from: 'findParked(tx, key, discard.event, isLocked)',
      to: 'findParked(tx, key, (await headOf(tx, key)) ?? discard.event, isLocked)',
    },
    'a skipped version is forgotten': {
      file: 'inbox/redrive.ts',
      from: 'keyState.version = next\n',
      to: '\n',
    },
    'a skipped version is not told from the one before': {
      file: 'inbox/redrive.ts',
      from: 'keyState.version = next\n    keyState.eventId = null\n',
      to: 'keyState.version = next\n',
    },
    'a dry run is no dry run': {
      file: 'inbox/operator.ts',
      from: 'rolledBack(tx, () => dryRun(tx, key, context, size, atHand))',
      to: 'dryRun(tx, key, context, size, atHand)',
    },
  }),
)
