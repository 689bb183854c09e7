// A service's runner as a process, to be killed and frozen: argv is the database, the receiver and the deadline (ms).
import { openPool } from '@inorder/storage/pool.ts'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { settle } from './rig.fixture.ts'
import { EffectRunner } from './runner.ts'

const [url = '', receiver = '', deadlineMs = ''] = process.argv.slice(2)
const runner = new EffectRunner({
  pool: openPool({ url, name: 'runner', max: 4, onIdleError: () => {} }),
  kinds: {
    call: {
      async perform(_effect, { idempotencyKey, signal }) {
        const headers = { 'idempotency-key': idempotencyKey }
        const answer = await fetch(`${receiver}/calls`, { method: 'POST', headers, signal })
        return answer.text()
      },
      settle,
    },
  },
  logger: pino({ level: 'debug' }),
  metrics: new Registry(),
  deadlineMs: Number(deadlineMs),
})
runner.start()
