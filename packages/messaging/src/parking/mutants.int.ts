import { describe } from 'node:test'
import { eachIsCaught } from '../inbox/mutants.fixture.ts'

describe('the property fails for a redrive or a discard in which', { concurrency: 2 }, () =>
  eachIsCaught({
    'a redrive does not lock its order': {
      file: 'inbox/store.ts',
      from: 'WHERE order_id = $1 FOR UPDATE',
      to: 'WHERE order_id = $1',
    },
    'a redrive takes an order that came after it looked': {
      file: 'parking/redrive.ts',
      from: 'row.orderless || isLocked',
      to: 'true',
    },
    'what is applied stays parked': {
      file: 'parking/store.ts',
      from: 'if (removed.length > 0) await',
      to: 'if (removed.length > 1_000) await',
    },
    'a redrive goes on after a failure': {
      file: 'inbox/apply.ts',
      from: 'let candidate = judge(order, entry, changes)',
      to: 'if (entry.before) order.blocked = false; let candidate = judge(order, entry, changes)',
    },
    'what stands behind is let go in another order': {
      file: 'parking/redrive.ts',
      from: '...entries.slice(end)]',
      to: '...entries.slice(end).reverse()]',
    },
    'a discard takes the head, whatever was named': {
      file: 'parking/redrive.ts',
      from: 'parked.find((row) => nameOf(row) === discard.event)',
      to: 'parked.find(isHead)',
    },
    'a skipped version is forgotten': {
      file: 'parking/redrive.ts',
      from: 'order.version = next\n',
      to: '\n',
    },
    'a skipped version is not told from the one before': {
      file: 'parking/redrive.ts',
      from: 'order.eventId = null\n',
      to: '\n',
    },
    'a dry run is no dry run': {
      file: 'parking/operator.ts',
      from: 'action.dryRun ? undone(tx, work) : work(tx)',
      to: 'work(tx)',
    },
  }),
)
