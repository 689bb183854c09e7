import { join } from 'node:path'
import { inboxMigrations } from '@inorder/messaging/inbox/migrations.ts'
import { outboxMigrations } from '@inorder/messaging/outbox/migrations.ts'
import type { Migrations } from '@inorder/storage/migrate.ts'
import { root } from './settings.ts'

/** What the database of a service consists of. */
export const migrationsOf = (name: string): Migrations[] => [
  { name, path: join(root, 'services', name, 'migrations') },
  ...(name === 'cart' ? outboxMigrations : inboxMigrations),
]
