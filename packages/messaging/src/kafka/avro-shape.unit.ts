import assert from 'node:assert/strict'
import { test } from 'node:test'
import avsc from 'avsc'
import { shapeOf } from './avro-shape.ts'

const array = (items: unknown) => JSON.stringify({ type: 'array', items })

/** A count as a block of Avro has it. */
const type = avsc.Type.forSchema('long')
const long = (count: number) => type.toBuffer(count)

test('entries without bytes, in block after block, cost no more than the body has bytes', () => {
  const empty = { type: 'record', name: 'Empty', fields: [] }
  for (const items of ['null', empty]) {
    const blocks = Array.from({ length: 20_000 }, (_, n) => long(Math.max(1, 30_000 - 2 * n)))
    const body = Buffer.concat([...blocks, long(0)])
    assert.throws(() => shapeOf(array(items))(body), /entries in/)
  }
})

test('as many entries as a body can hold that has a byte for each are no fault', () => {
  const numbers = Array.from({ length: 10_000 }, () => 0)
  for (const [schema, value] of [
    [array('int'), numbers],
    [array(JSON.parse(array('int'))), numbers.map(() => [])],
    [array(JSON.parse(array('int'))), [numbers, [], numbers]],
  ] as const)
    assert.doesNotThrow(() => shapeOf(schema)(avsc.Type.forSchema(JSON.parse(schema)).toBuffer(value)))
})
