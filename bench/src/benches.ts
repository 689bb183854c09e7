// All of them, in an order that starts few stacks.
import type { Bench } from './bench.ts'
import { backlog } from './benches/backlog.ts'
import { consumers } from './benches/consumers.ts'
import { allCreates16, allCreates64, creates16, creates64 } from './benches/creates.ts'
import { drain } from './benches/drain.ts'
import { effects } from './benches/effects.ts'
import { latency } from './benches/latency.ts'
import { noDatabase } from './benches/no-database.ts'
import { overload } from './benches/overload.ts'

export const benches: readonly Bench[] = [
  creates64,
  creates16,
  noDatabase,
  drain,
  backlog,
  effects,
  latency,
  overload,
  consumers,
  allCreates64,
  allCreates16,
]
