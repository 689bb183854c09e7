// All of them, in an order that starts few stacks.
import type { Bench } from './bench.ts'
import { backlog } from './benches/backlog.ts'
import { consumers } from './benches/consumers.ts'
import { allCreates16, allCreates64, creates16, creates64 } from './benches/creates.ts'
import { drain } from './benches/drain.ts'
import { effects } from './benches/effects.ts'
import { javaConsumer } from './benches/java-consumer.ts'
import { latency } from './benches/latency.ts'
import { noDatabase } from './benches/no-database.ts'
import { outboxPolling, outboxReplication } from './benches/outbox-library.ts'
import { overload } from './benches/overload.ts'

export const benches: readonly Bench[] = [
  creates64,
  creates16,
  noDatabase,
  drain,
  effects,
  outboxPolling,
  outboxReplication,
  backlog,
  javaConsumer,
  latency,
  overload,
  consumers,
  allCreates64,
  allCreates16,
]
