// Who pauses, in the database of a rig, and whether they wait for somebody.
import type { Pool } from 'pg'
import { pino } from 'pino'
import { PauseOperator } from './pause-operator.ts'

export const inbox = { what: 'inbox', name: '' } as const
export const ofKey = (name: string) => ({ what: 'key', name }) as const
export const ann = { operator: 'ann' }

export function pausesOf(pool: Pool) {
  const pauses = new PauseOperator({ pool, logger: pino({ level: 'silent' }), instance: 'test-1' })
  const waiting = async () =>
    (
      await pool.query(`SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0`)
    ).rowCount !== 0
  return {
    pauses,
    /** Whether `done` has not come about once somebody waits for a lock. */
    async waits(done: Promise<unknown>): Promise<boolean> {
      let isDone = false
      const settled = () => {
        isDone = true
      }
      done.then(settled, settled)
      while (!isDone && !(await waiting()));
      return !isDone
    },
  }
}
