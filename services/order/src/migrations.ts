import { fileURLToPath } from 'node:url'
import type { Migrations } from '@inorder/storage/migrate.ts'

const ofMessaging = new URL('../../migrations/', import.meta.resolve('@inorder/messaging/inbox/inbox.ts'))

/** What the order service's database consists of; the outbox is for copies of parked records. */
export const migrations: Migrations[] = [
  { name: 'order', path: fileURLToPath(new URL('../migrations', import.meta.url)) },
  { name: 'inbox', path: fileURLToPath(new URL('inbox', ofMessaging)) },
  { name: 'outbox', path: fileURLToPath(new URL('outbox', ofMessaging)) },
]
