// Suites that share a stack of all services: the first looks that nothing is parked, the last but two parks records on
// purpose and leaves them, and the last fills the tables and is hard on its Kafka.
import './api.e2e.ts'
import './cli.e2e.ts'
import './services.e2e.ts'
import './timeline.e2e.ts'
import './console.e2e.ts'
import './durability.e2e.ts'
import './plans.e2e.ts'
