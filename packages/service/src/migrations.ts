import { fileURLToPath } from 'node:url'
import type { Migrations } from '@inorder/storage/migrate.ts'

const ofMessaging = new URL('../../migrations/', import.meta.resolve('@inorder/messaging/inbox/inbox.ts'))

/** What a service's database consists of; the outbox of a consumer is for copies of parked records. */
export const migrationsOf = (name: string, own: URL, parts = ['inbox', 'outbox', 'effects']): Migrations[] => [
  { name, path: fileURLToPath(own) },
  ...parts.map((part) => ({ name: part, path: fileURLToPath(new URL(part, ofMessaging)) })),
]
