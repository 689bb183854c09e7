// Rule 20. A batch adds its keys without a number: a number that says in which order they came would need a lock of the topic
// through the batch's commit. They are numbered afterwards, in a short transaction under that lock: by whoever reads them,
// and each second.
import { answered } from '@inorder/storage/answered.ts'
import { ifBegun, type Tx, transaction } from '@inorder/storage/transaction.ts'
import { WokenLoop } from '@inorder/storage/woken-loop.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'

const keysPerRow = 1_000
const numberedEachMs = 1_000

/** Adds the keys that are new to the topic. The transaction has locked the position of this partition. */
export async function addTopicKeys(
  tx: Tx,
  topic: { id: string; name: string },
  partition: number,
  keys: readonly string[],
): Promise<void> {
  const text = 'INSERT INTO topic_keys (topic_id, partition, topic, keys) VALUES ($1, $2, $3, $4)'
  const add = (some: readonly string[]) =>
    tx.query({ name: 'inbox-add-keys', text, values: [topic.id, partition, topic.name, some] })
  const rows = Math.ceil(keys.length / keysPerRow)
  await answered(Array.from({ length: rows }, (_, n) => add(keys.slice(n * keysPerRow, (n + 1) * keysPerRow))))
}

// Batches of a partition are committed one after the other, in the sequence of `seq`. So its rows without a number are its
// last ones, and there is none where the last has one. Dead rows, which somebody's snapshot may keep, are not looked at.
const areUnnumbered = `
SELECT FROM inbox_position AS p, LATERAL (
  SELECT last FROM topic_keys AS k WHERE k.topic_id = p.topic_id AND k.partition = p.partition ORDER BY seq DESC LIMIT 1
) AS newest
WHERE p.topic = $1 AND newest.last IS NULL LIMIT 1`

const number = `
WITH of_partition AS MATERIALIZED (
  SELECT topic_id, partition, (
    SELECT coalesce(max(seq), 0) FROM topic_keys AS k
    WHERE k.topic_id = p.topic_id AND k.partition = p.partition AND last IS NOT NULL
  ) AS numbered
  FROM inbox_position AS p WHERE topic = $1
)
UPDATE topic_keys AS k SET last = new.last
FROM (
  SELECT topic_id, partition, seq, sum(cardinality(keys)) OVER (ORDER BY seq)
    + (SELECT coalesce(max(last), 0) FROM topic_keys WHERE topic = $1) AS last
  FROM of_partition JOIN topic_keys USING (topic_id, partition) WHERE seq > numbered
) AS new
WHERE k.topic_id = new.topic_id AND k.partition = new.partition AND k.seq = new.seq AND ${ifBegun}`

/** Every distinct key that a topic ever brought, in order of first arrival; a cursor is the number of a key, from 1. */
export class TopicKeys {
  readonly #pool: Pool
  readonly #topic: string

  constructor(pool: Pool, topic: string) {
    this.#pool = pool
    this.#topic = topic
  }

  /**
   * Numbers the keys that are committed. Numbers are given under one lock, behind all that were given before: a page that
   * was read stays as it is, and what is committed later comes after it. The lock is taken in a statement of its own, because
   * the next one must see what its last holder committed.
   */
  async number(): Promise<void> {
    const { rowCount } = await this.#pool.query(areUnnumbered, [this.#topic])
    if (rowCount === 0) return
    await transaction(this.#pool, async (tx, last) => {
      const lock = `SELECT pg_advisory_xact_lock(hashtextextended('topic_keys ' || $1, 0)) WHERE ${ifBegun}`
      last(answered([tx.query(lock, [this.#topic]), tx.query(number, [this.#topic])]))
    })
  }

  /** Numbers them each second, so that whoever reads has few to number. */
  loop(logger: Logger): WokenLoop {
    return new WokenLoop(numberedEachMs, () =>
      this.number().catch((error) => logger.debug({ err: error }, 'keys of the topic were not numbered')),
    )
  }

  /** The cursor that stands at a key; undefined when that was never received. */
  async cursorOf(key: string): Promise<number | undefined> {
    await this.number()
    const { rows } = await this.#pool.query<{ cursor: number }>(
      `SELECT (last - cardinality(keys) + array_position(keys, $2))::float8 AS cursor
       FROM topic_keys
       WHERE topic = $1 AND arrived_at = (SELECT arrived_at FROM inbox_key WHERE key = $2)
         AND array_position(keys, $2) IS NOT NULL AND last IS NOT NULL`,
      [this.#topic, key],
    )
    return rows[0]?.cursor
  }

  /**
   * How many keys there are after the cursor now, but at most `limit`, the number of the last of them, and whether there
   * are more: `pages` up to it gives exactly these.
   */
  async extent(after = 0, limit = Number.MAX_SAFE_INTEGER): Promise<{ count: number; last: number; more: boolean }> {
    await this.number()
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
