import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { modelTopic } from '../inbox/model-topic.fixture.ts'
import { Decoder } from './decode.ts'
import { RegistryUnavailable, UnknownSchema } from './registry.ts'
import { frame } from './wire-format.ts'

const record = { partition: 0, offset: 0n, timestamp: 0n, key: Buffer.from('o'), headers: [] }
const naming = (id: number) => ({ ...record, offset: BigInt(id), value: frame(id, Buffer.from('garbage')) })

/** A registry that knows these, and counts its questions. Each answer takes a turn of the event loop. */
function registryOf(known: Set<number>) {
  const asked: number[] = []
  let open = 0
  const seen = { asked, most: 0, rounds: 0 }
  let answers: (() => void)[] = []
  const answerAll = () => {
    seen.rounds++
    const now = answers
    answers = []
    for (const answer of now) answer()
  }
  const schemaOf = async (id: number): Promise<string> => {
    asked.push(id)
    seen.most = Math.max(seen.most, ++open)
    await new Promise<void>((resolve) => {
      if (answers.length === 0) setImmediate(answerAll)
      answers.push(resolve)
    })
    open--
    if (!known.has(id)) throw new UnknownSchema(`no schema ${id}`)
    return '"string"'
  }
  return { schemaOf, seen }
}

suite('rule 16: schemas', () => {
  test('an id that no registry issues is unknown, and nobody is asked', async () => {
    const registry = { schemaOf: (id: number) => Promise.reject(new RegistryUnavailable(`asked for ${id}`)) }
    const decoder = new Decoder(modelTopic('unread'), registry)
    const read = (id: number) => decoder.decodeAll('topic', [naming(id)])
    assert.equal((await read(2 ** 31))[0]?.fault?.cause, 'unknown-schema')
    assert.equal((await read(2 ** 32 - 1))[0]?.fault?.cause, 'unknown-schema')
    await assert.rejects(read(2 ** 31 - 1), RegistryUnavailable)
  })

  test('a thousand unknown ids are asked for side by side, a bounded number at a time', async () => {
    const { schemaOf, seen } = registryOf(new Set())
    const decoder = new Decoder(modelTopic('unread'), { schemaOf })
    const ids = Array.from({ length: 1_000 }, (_, n) => n + 1)
    const entries = await decoder.decodeAll('topic', ids.map(naming))
    assert.ok(entries.every(({ fault }) => fault?.cause === 'unknown-schema'))
    assert.equal(seen.asked.length, 1_000)
    assert.ok(seen.most <= 16, `${seen.most} at a time`)
    assert.ok(seen.rounds <= 70, `${seen.rounds} answers one after the other`)
  })

  test('"unknown" is remembered for 5 s by what arrives; a redrive asks anew', async (t) => {
    t.mock.method(performance, 'now', () => now)
    let now = 1_000
    const known = new Set<number>()
    const { schemaOf, seen } = registryOf(known)
    const decoder = new Decoder(modelTopic('unread'), { schemaOf })
    const isUnknown = async () => (await decoder.decodeAll('topic', [naming(9)]))[0]?.fault?.cause === 'unknown-schema'
    assert.ok(await isUnknown())
    now += 4_999
    assert.ok(await isUnknown())
    assert.deepEqual(seen.asked, [9], 'within 5 s nobody is asked')
    now += 2
    assert.ok(await isUnknown())
    assert.deepEqual(seen.asked, [9, 9], 'after 5 s the registry is asked again')
    known.add(9)
    await decoder.learnOf([naming(9).value])
    assert.deepEqual(seen.asked, [9, 9, 9], 'a redrive asks anew')
    assert.ok(!(await isUnknown()))
  })

  test('where the registry fails, the rest is not asked for, and what was learnt stays', async () => {
    const answered = new Set<number>()
    let away = true
    const registry = {
      schemaOf: async (id: number) => {
        if (away && id === 500) throw new RegistryUnavailable('it went away')
        answered.add(id)
        throw new UnknownSchema(`no schema ${id}`)
      },
    }
    const decoder = new Decoder(modelTopic('unread'), registry)
    const all = Array.from({ length: 1_000 }, (_, n) => naming(n + 1))
    await assert.rejects(decoder.decodeAll('topic', all), RegistryUnavailable)
    const before = answered.size
    assert.ok(before < 1_000, `${before} were asked for`)
    away = false
    answered.clear()
    assert.equal((await decoder.decodeAll('topic', all)).length, 1_000)
    assert.equal(answered.size, 1_000 - before)
  })
})
