import assert from 'node:assert/strict'
import { test } from 'node:test'
import { frame } from '@inorder/contracts/wire-format.ts'
import { modelTopic } from '@inorder/testing/inbox-topic.ts'
import { RegistryAway } from '../registry.ts'
import { Decoder } from './decode.ts'

test('a schema id that no registry gives away is unknown, and nobody is asked', async () => {
  const registry = { schemaOf: (id: number) => Promise.reject(new RegistryAway(`asked for ${id}`)) }
  const decoder = new Decoder(modelTopic('unread'), registry)
  const record = { partition: 0, offset: 0n, timestamp: 0n, key: Buffer.from('o'), headers: [] }
  const read = (id: number) => decoder.entries('topic', [{ ...record, value: frame(id, Buffer.from('garbage')) }])
  assert.equal((await read(2 ** 31))[0]?.fault?.cause, 'unknown-schema')
  assert.equal((await read(2 ** 32 - 1))[0]?.fault?.cause, 'unknown-schema')
  await assert.rejects(read(2 ** 31 - 1), RegistryAway)
})
