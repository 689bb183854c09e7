// The file of API keys while a service runs: it counts as it is, once nobody writes it any more.
import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { after, suite, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '@inorder/testing/until.ts'
import { pino } from 'pino'
import { ApiKeys, digestOf } from './api-keys.ts'

const folder = mkdtempSync(join(tmpdir(), 'inorder-api-keys-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const lineOf = (key: string, scopes = 'orders:read') => `${key} ${digestOf(key).toString('hex')} ${scopes}\n`

async function opened(name: string, text: string) {
  const file = join(folder, name)
  writeFileSync(file, text)
  const logged: string[] = []
  const lines = new Writable({
    write(line, _encoding, done) {
      logged.push(String(line))
      done()
    },
  })
  const keys = await ApiKeys.open(file, pino(lines))
  after(() => keys.close())
  const says = (what: RegExp) => until(String(what), () => logged.some((line) => what.test(line)))
  return { file, keys, says, logged }
}

suite('the file of API keys', { concurrency: true }, () => {
  test('a key that is added counts, one that is taken away does not, in whatever way the file is written', async () => {
    const { file, keys } = await opened('changed', lineOf('a'))
    writeFileSync(file, lineOf('a') + lineOf('b'))
    await until('b counts', () => keys.find('b'))
    writeFileSync(`${file}.new`, lineOf('b', 'operate'))
    renameSync(`${file}.new`, file)
    await until('a is gone', () => !keys.find('a'))
    assert.deepEqual([...(keys.find('b')?.scopes ?? [])], ['operate'])
    writeFileSync(file, '')
    await until('b is gone', () => !keys.find('b'))
  })

  test('a file that is written while it is read counts once it is whole', async () => {
    const { file, keys, logged } = await opened('half-written', lineOf('a'))
    const whole = lineOf('a') + lineOf('b', 'orders:read,operate')
    // Each piece would be read as another file: fewer keys, fewer scopes, or one that cannot be read. The pause is the writer's.
    const seen = new Set<string>()
    for (let length = 10; length <= whole.length; length += 10) {
      writeFileSync(file, whole.slice(0, length))
      await pause(60)
      seen.add(`${keys.find('a')?.name} ${[...(keys.find('b')?.scopes ?? [])]}`)
    }
    writeFileSync(file, whole)
    await until('b counts', () => keys.find('b'))
    assert.deepEqual([...(keys.find('b')?.scopes ?? [])], ['orders:read', 'operate'])
    assert.deepEqual([...seen], ['a '])
    assert.ok(!logged.some((line) => /cannot be read/.test(line)), logged.join(''))
  })

  test('a file that cannot be read, is gone or too large leaves the keys of before, and says so', async () => {
    const { file, keys, says } = await opened('broken', lineOf('a'))
    writeFileSync(file, `${lineOf('b')}half`)
    await says(/line 2: a line is .*the keys of before still count/)
    assert.ok(keys.find('a') && !keys.find('b'))
    rmSync(file)
    await says(/ENOENT.*the keys of before still count/)
    writeFileSync(file, '#'.repeat(300_000))
    await says(/more than 262144 bytes/)
    assert.ok(keys.find('a'))
    writeFileSync(file, lineOf('b'))
    await until('b counts', () => keys.find('b'))
    assert.equal(keys.find('a'), undefined)
  })
})
