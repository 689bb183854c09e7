// The stack of a test process. Suites that leave it as they found it share one (`orders.e2e.ts` runs some of them): the
// first that asks starts it, with its options, and it is stopped when the last suite has ended.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { type Stack, type StackOptions, startStack } from '@inorder/testing/stack.ts'
import { isOpen } from './starter.ts'

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
    options = { data, ...wanted }
    stack = startStack(options)
  }
  return stack
}

/** Stops it, and starts it again with its data, in a shell that has `env` besides; `meanwhile` may change the data. */
export async function restartedStack(meanwhile = () => {}, env: Record<string, string> = {}): Promise<Stack> {
  const { stop, offset, parts, data } = await sharedStack()
  const addresses = parts().map(({ address }) => address)
  const begun = performance.now()
  assert.equal(await stop(), 0)
  assert.ok(performance.now() - begun < 10_000, `it took ${performance.now() - begun} ms to stop`)
  for (const address of addresses) assert.equal(await isOpen(address), false, `${address} is still open`)
  assert.ok(!existsSync(join(data, 'stack.json')))
  meanwhile()
  options = { ...options, env: { ...options.env, ...env } }
  stack = startStack({ ...options, offset })
  return stack
}
