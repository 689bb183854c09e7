import { describe } from 'node:test'
import { eachIsCaught } from './mutants.fixture.ts'

describe('the property fails for an inbox in which', { concurrency: 2 }, () =>
  eachIsCaught({
    'no version guard': {
      file: 'inbox/decide.ts',
      from: 'if (version < keyState.version || sameAsApplied || keyState',
      to: 'if (keyState',
    },
    'duplicates are known by event id alone': {
      file: 'inbox/decide.ts',
      from: 'const sameAsApplied = version === keyState.version && (keyState.eventId === null || eventId === keyState.eventId)',
      to: 'const sameAsApplied = eventId === keyState.eventId',
    },
    'a parked key is not held': {
      file: 'inbox/decide.ts',
      from: "if (parking?.state === 'head') keyState.blocked = true",
      to: '',
    },
    'a conflict blocks': {
      file: 'inbox/decide.ts',
      from: "if (parking?.state === 'head') keyState.blocked",
      to: "if (parking?.state === 'head' || parking?.state === 'conflict') keyState.blocked",
    },
    'a gap is not waited for': {
      file: 'inbox/decide.ts',
      from: 'decoded.version > keyState.version + 1',
      to: 'decoded.version < keyState.version',
    },
    'a gap is not healed': {
      file: 'inbox/decide.ts',
      from: 'return keyState.waiting.size > 0 ? successor(keyState, changes) : undefined',
      to: 'return undefined',
    },
    'the position moves past a batch that failed': {
      file: 'inbox/commit.ts',
      from: 'return commitBatch(this.#pool, part, this.#context, oneByOne, search)',
      to: `const run = commitBatch(this.#pool, part, this.#context, oneByOne, search)
      return run.catch(async (error) => {
        const { movePositions } = await import('./store.ts')
        await movePositions(this.#pool, part.topicId, new Map([...part.spans].map(([at, { next }]) => [at, next])))
        throw error
      })`,
    },
    'a stream may start ahead of the position': {
      file: 'inbox/batch.ts',
      from: 'if (from > position)',
      to: 'if (from > position + 1_000n)',
    },
    'what a batch brings a second time is looked at again': {
      file: 'inbox/batch.ts',
      from: 'entries.filter((entry) => entry.offset >= (positions.get(entry.partition) ?? 0n))',
      to: 'entries',
    },
    'the batch that the database refuses is skipped': {
      file: 'inbox/commit.ts',
      from: 'of byPartition(batch))',
      to: 'of byPartition({ ...batch, entries: [] }))',
    },
    'the second run of a batch starts where the first ended': {
      file: 'inbox/batch.ts',
      from: 'for (const entry of fresh) entry.parking = entry.before',
      to: '',
    },
    'batches do not lock their keys': {
      file: 'inbox/store.ts',
      from: 'xmin <> pg_current_xact_id()::xid ORDER BY key FOR UPDATE',
      to: 'xmin <> pg_current_xact_id()::xid ORDER BY key',
    },
  }),
)
