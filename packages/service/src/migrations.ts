import { fileURLToPath } from 'node:url'
import type { Migrations } from '@inorder/storage/migrate.ts'

const ofMessaging = new URL('../../migrations/', import.meta.resolve('@inorder/messaging/inbox/inbox.ts'))

/** What a consumer's database consists of; the outbox is for copies of parked records. */
export const migrationsOf = (name: string, own: URL): Migrations[] => [
  { name, path: fileURLToPath(own) },
  ...['inbox', 'outbox', 'effects'].map((part) => ({ name: part, path: fileURLToPath(new URL(part, ofMessaging)) })),
]
