// Suites that share a stack, in this order: the first starts it where paths and locale are odd; what follows the restored
// backups looks at its own orders only.
import './any-shell.e2e.ts'
import './main-way.e2e.ts'
import './contract.e2e.ts'
import './new-consumer.e2e.ts'
import './restored.e2e.ts'
import './redrive.e2e.ts'
import './poison.e2e.ts'
