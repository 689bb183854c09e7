// The stack of a test process. Suites that leave it as they found it share one (`orders.e2e.ts` runs some of them): the
// first that asks starts it, with its options, and it is stopped when the last suite has ended.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { type Stack, type StackOptions, startStack } from '@inorder/testing/stack.ts'

const data = mkdtempSync(join(tmpdir(), 'inorder-shared-'))
let options: StackOptions
let stack: Promise<Stack> | undefined

after(async () => {
  await (await stack)?.stop()
  rmSync(data, { recursive: true, force: true })
})

/** For suites that need no more: it starts sooner. */
export const cartAndOrder = { INORDER_SERVICES: 'cart,order' }

export function sharedStack(wanted: StackOptions = { env: cartAndOrder }): Promise<Stack> {
  if (!stack) {
    options = { ...wanted, data }
    stack = startStack(options)
  }
  return stack
}

/** Stops it, and starts it again with its data; `meanwhile` may change that. */
export async function restartedStack(meanwhile = () => {}): Promise<Stack> {
  const { stop, offset } = await sharedStack()
  assert.equal(await stop(), 0)
  meanwhile()
  stack = startStack({ ...options, offset })
  return stack
}
