import type { Tx } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'

const keysPerRow = 1_000

const add = `
INSERT INTO topic_keys (topic, last, keys)
SELECT $1, coalesce(max(last), 0) + cardinality($2::text[]), $2 FROM topic_keys WHERE topic = $1`

/**
 * Rule 20: numbers the keys that are new to the topic. Must come last in a transaction: the lock makes the numbers commit
 * order, so that a pager that has passed one never misses a lower one, and it is held until the commit. It is taken in a
 * statement of its own, because the next one must see what its last holder committed.
 */
export async function addTopicKeys(tx: Tx, topic: string, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return
  await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('topic_keys ' || $1, 0))`, [topic])
  for (let from = 0; from < keys.length; from += keysPerRow) {
    await tx.query({ name: 'inbox-add-keys', text: add, values: [topic, keys.slice(from, from + keysPerRow)] })
  }
}

/** Every distinct key that a topic ever brought, in order of first arrival; a cursor is the number of a key, from 1. */
export class TopicKeys {
  readonly #pool: Pool
  readonly #topic: string

  constructor(pool: Pool, topic: string) {
    this.#pool = pool
    this.#topic = topic
  }

  /** The cursor that stands at a key; undefined when that was never received. */
  async cursorOf(key: string): Promise<number | undefined> {
    const { rows } = await this.#pool.query<{ cursor: number }>(
      `SELECT (last - cardinality(keys) + array_position(keys, $2))::float8 AS cursor
       FROM topic_keys
       WHERE topic = $1 AND arrived_at = (SELECT arrived_at FROM inbox_key WHERE key = $2)
         AND array_position(keys, $2) IS NOT NULL`,
      [this.#topic, key],
    )
    return rows[0]?.cursor
  }

  /**
   * How many keys there are after the cursor now, but at most `limit`, the number of the last of them, and whether there
   * are more: `pages` up to it gives exactly these.
   */
  async extent(after = 0, limit = Number.MAX_SAFE_INTEGER): Promise<{ count: number; last: number; more: boolean }> {
    const { rows } = await this.#pool.query<{ end: number }>(
      'SELECT coalesce(max(last), 0)::float8 AS end FROM topic_keys WHERE topic = $1',
      [this.#topic],
    )
    const { end } = rows[0]!
    const count = Math.max(0, Math.min(end - after, limit))
    return { count, last: after + count, more: end > after + count }
  }

  /**
   * Keys after one cursor up to another, in pages that are each one query: no cursor stays open between them. A page is
   * JSON text, `"o-1","o-2"`, made by the database: whoever only passes on a million keys has no object for each.
   */
  async *pages(after: number, last: number, size = 2_000): AsyncGenerator<string> {
    for (let from = after; from < last; from += size) {
      const { rows } = await this.#pool.query<{ page: string }>(
        `SELECT string_agg(substr(listed, 2, length(listed) - 2), ',' ORDER BY last) AS page
         FROM (
           SELECT last, keys, last - cardinality(keys) AS before FROM topic_keys
           WHERE topic = $1 AND last > $2 AND last < $3 + ${keysPerRow}
         ) AS batch,
         to_json(keys[(greatest($2::bigint - before, 0) + 1)::int : (least($3::bigint, last) - before)::int]) AS json,
         CAST(json AS text) AS listed
         WHERE before < $3`,
        [this.#topic, from, Math.min(from + size, last)],
      )
      yield rows[0]?.page ?? ''
    }
  }
}
