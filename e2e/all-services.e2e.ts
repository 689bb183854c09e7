// Suites that share a stack of all services, two of each: the campaign counts everything that is there, so it comes first;
// the last fills the tables, and is hard on its Kafka. The one before the last two parks records on purpose, and leaves them.
import './campaign.e2e.ts'
import './instances.e2e.ts'
import './api.e2e.ts'
import './cli.e2e.ts'
import './services.e2e.ts'
import './timeline.e2e.ts'
import './console.e2e.ts'
import './durability.e2e.ts'
import './plans.e2e.ts'
