import { isDenial } from '@inorder/messaging/kafka/access-denied.ts'
import { databaseDenial } from '@inorder/storage/database-denied.ts'
import { BadConfig } from '@inorder/storage/settings.ts'
import { StartFailure } from './failure.ts'

/** What a command that has failed tells: one line where it says what to mend, else all that is known. */
export function toldOf(error: unknown): string {
  const { message, stack = message } = error as Error
  const denial = databaseDenial(error)
  if (denial) return `${denial}: ${message}`
  return error instanceof StartFailure || error instanceof BadConfig || isDenial(error) ? message : stack
}
