import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { assertAskable, assertFree, badPorts, host } from './addresses.ts'

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

test('a port that fetch refuses is named, with what for, and another offset, with which none is', async () => {
  for (const port of badPorts)
    await assert.rejects(
      fetch(`http://${host}:${port}/`),
      ({ cause }: Error) => /bad port/.test(String(cause)),
      String(port),
    )
  const at = (offset: number) => [3000, 3001, 8081].map((port) => ({ port: port + offset, for: `part-${port}` }))
  assertAskable(at(0), 0)
  const refused = /^StartFailure: port 6000 \(part-3001\)[^\n]*INORDER_PORT_OFFSET=3009$/
  assert.throws(() => assertAskable(at(2_999), 2_999), refused)
  assertAskable(at(3_009), 3_009)
  // 6679, 10 further on, is refused too.
  assert.throws(() => assertAskable(at(3_669), 3_669), /6669 \(part-3000\).*INORDER_PORT_OFFSET=3689$/)
})
