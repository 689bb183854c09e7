import { fileURLToPath } from 'node:url'
import type { Migrations } from '@inorder/storage/migrate.ts'

/** The tables of one part of this package. */
export const migrationsOf = (part: 'outbox' | 'inbox' | 'effects'): Migrations => ({
  name: part,
  path: fileURLToPath(new URL(`../../migrations/${part}`, import.meta.url)),
})

export const outboxMigrations: readonly Migrations[] = [migrationsOf('outbox')]
