import { columns } from '@inorder/storage/columns.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import { placeName } from '../kafka/event.ts'
import type { Entry } from './key-state.ts'
import type { Redriven, Standing } from './ops.ts'

/** A further step of what the entry is about: it ends here now, and has applied so many more. */
export async function updateAudit(tx: Tx, id: number, step: Redriven, after: Standing): Promise<void> {
  const { applied, ...answer } = step
  await tx.query(
    `UPDATE parking_audit SET after = $2, answer =
       (answer::jsonb - 'stoppedAt' || $3::jsonb || jsonb_build_object('applied', (answer ->> 'applied')::int + $4::int))::json
     WHERE id = $1`,
    [id, after, answer, applied],
  )
}

/** Undefined: there is no such entry. */
export async function audited(tx: Tx, id: number): Promise<{ action: string; answer: Redriven } | undefined> {
  return (await tx.query('SELECT action, answer FROM parking_audit WHERE id = $1', [id])).rows[0]
}

/** Versions that were skipped because they never came, and come now: each once, also when the log is read again. */
export async function addLate<Event>(tx: Tx, instance: string, late: readonly Entry<Event>[]): Promise<void> {
  if (late.length === 0) return
  await tx.query(
    `INSERT INTO parking_audit (operator, action, key, event, reason, before, after, answer)
     SELECT $4, 'skipped-arrived', key, event, reason, '{}', '{}', '{}'
     FROM unnest($1::text[], $2::text[], $3::text[]) AS r (key, event, reason)
     WHERE NOT EXISTS (SELECT FROM parking_audit AS a
         WHERE a.action = 'skipped-arrived' AND a.key = r.key AND a.event = r.event)
       AND NOT EXISTS (SELECT FROM audit_decision AS a
         WHERE a.action = 'skipped-arrived' AND a.key = r.key AND a.event = r.event)`,
    [
      ...columns(late, (entry) => [
        entry.key,
        placeName(entry.topicId, entry),
        `version ${entry.version} was skipped by an operator; its event came later and is not applied`,
      ]),
      instance,
    ],
  )
}
