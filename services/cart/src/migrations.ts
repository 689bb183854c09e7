import { outboxMigrations } from '@inorder/messaging/outbox/migrations.ts'
import { migrationsOf } from '@inorder/service/migrations.ts'

/** What the cart's database consists of. */
export const migrations = migrationsOf('cart', new URL('../migrations', import.meta.url), outboxMigrations)
