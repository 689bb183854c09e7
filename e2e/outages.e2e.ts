// Suites that share a stack: each takes parts away from it and lets them come back.
import './kafka-away.e2e.ts'
import './parts-away.e2e.ts'
import './kill.e2e.ts'
import './raise-partitions.e2e.ts'
import './hot-order.e2e.ts'
