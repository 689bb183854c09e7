// Rows of the effect table, as a batch adds them. Whoever adds or removes a row holds the key's row in `inbox_key`, so
// that the first of a key, which alone has `due_at`, is known for certain (rule 14).
import { columns } from '@inorder/storage/columns.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import type { Trail } from '../kafka/trail.ts'
import type { Effect, StoredEffect } from './effect.ts'

export interface EffectRow extends Omit<StoredEffect, 'id' | 'payload'>, Trail {
  readonly eventId: string
  /** JSON */
  readonly payload: string
}

/** What is to be stored of one event's effects. Throws when a payload is no JSON. */
export const effectRows = (
  key: string,
  { eventId, version }: { eventId: string; version: number },
  effects: readonly Effect[],
  trail: Trail = {},
): EffectRow[] =>
  effects.map(({ kind, payload }, i) => {
    const json = JSON.stringify(payload)
    if (json === undefined) throw new Error(`the payload of the effect ${kind} is no JSON`)
    return { ...trail, key, version, n: i + 1, eventId, kind, payload: json }
  })

/** Stores them; the first of a key of which none is there can start. The keys are locked. */
export async function addEffects(tx: Tx, effects: readonly EffectRow[]): Promise<void> {
  if (effects.length === 0) return
  // Not a prepared statement, and no EXISTS: planned as if the table were empty either would read all of it for each batch.
  await tx.query(
    `INSERT INTO effect (key, version, n, event_id, kind, payload, request_id, traceparent, due_at)
     SELECT id, version, n, event_id, kind, payload, request_id, traceparent,
       CASE WHEN row_number() OVER (PARTITION BY id ORDER BY version, n) = 1
         AND (SELECT true FROM effect WHERE key = id LIMIT 1) IS NULL THEN now() END
     FROM unnest($1::text[], $2::bigint[], $3::int[], $4::text[], $5::text[], $6::json[], $7::text[], $8::text[])
       AS new (id, version, n, event_id, kind, payload, request_id, traceparent)`,
    columns(effects, ({ key, version, n, eventId, kind, payload, requestId, traceparent }) => [
      key,
      version,
      n,
      eventId,
      kind,
      payload,
      requestId,
      traceparent,
    ]),
  )
}
