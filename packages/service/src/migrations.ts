import { fileURLToPath } from 'node:url'
import { inboxMigrations } from '@inorder/messaging/inbox/migrations.ts'
import type { Migrations } from '@inorder/storage/migrate.ts'

/** What a service's database consists of. */
export const migrationsOf = (name: string, own: URL, others: readonly Migrations[] = inboxMigrations): Migrations[] => [
  { name, path: fileURLToPath(own) },
  ...others,
]
