import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { assertFree, host } from './addresses.ts'

test('a taken port is named, with what to do; a free one is free again afterwards', async () => {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : assert.fail('no port')
  const needed = [{ port, for: 'cart' }]
  await assert.rejects(
    assertFree(needed),
    new RegExp(`^StartFailure: port ${port} \\(cart\\)[^\n]*INORDER_PORT_OFFSET`),
  )
  server.close()
  await once(server, 'close')
  await assertFree(needed)
  await assertFree(needed)
})
