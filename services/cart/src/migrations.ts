import { fileURLToPath } from 'node:url'
import type { Migrations } from '@inorder/storage/migrate.ts'

const outbox = import.meta.resolve('@inorder/messaging/outbox/outbox.ts')

/** What the cart's database consists of. */
export const migrations: Migrations[] = [
  { name: 'cart', path: fileURLToPath(new URL('../migrations', import.meta.url)) },
  { name: 'outbox', path: fileURLToPath(new URL('../../migrations/outbox', outbox)) },
]
