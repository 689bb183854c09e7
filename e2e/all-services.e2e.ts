// Suites that share a stack of all services, two of each: the campaign counts everything that is there, so it comes first;
// the last parks records on purpose, and leaves them.
import './campaign.e2e.ts'
import './api.e2e.ts'
import './cli.e2e.ts'
import './services.e2e.ts'
import './timeline.e2e.ts'
import './console.e2e.ts'
