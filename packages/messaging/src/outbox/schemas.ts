import type { Pool } from 'pg'
import type { SchemaRegistry } from '../kafka/registry.ts'

/** Rule 3: keeps the text of a schema that bodies in the outbox are written with, for whoever publishes them later. */
export async function rememberSchema(pool: Pool, fingerprint: string, subject: string, schema: string): Promise<void> {
  await pool.query(
    'INSERT INTO outbox_schema (fingerprint, subject, schema) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
    [fingerprint, subject, schema],
  )
}

/** The registry's ids of the schemas that rows name. A schema is registered when its first row is published. */
export class SchemaIds {
  readonly #pool: Pool
  readonly #registry: SchemaRegistry
  readonly #ids = new Map<string, number>()

  constructor(pool: Pool, registry: SchemaRegistry) {
    this.#pool = pool
    this.#registry = registry
  }

  /** Learns the ids of these schemas. Rejects with RegistryUnavailable when it cannot now. */
  async learn(fingerprints: Iterable<string | null>): Promise<void> {
    for (const fingerprint of fingerprints) {
      if (fingerprint === null || this.#ids.has(fingerprint)) continue
      const { rows } = await this.#pool.query<{ subject: string; schema: string }>(
        'SELECT subject, schema FROM outbox_schema WHERE fingerprint = $1',
        [fingerprint],
      )
      const [known] = rows
      if (!known) throw new Error(`the outbox holds bodies of the schema ${fingerprint}, whose text was not remembered`)
      this.#ids.set(fingerprint, await this.#registry.idOf(known.subject, known.schema))
    }
  }

  /** The id of a schema that was learnt. */
  idOf(fingerprint: string): number {
    const id = this.#ids.get(fingerprint)
    if (id === undefined) throw new Error(`the id of schema ${fingerprint} was not learnt`)
    return id
  }
}
