import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import crypto from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { ApiKeys, digestOf, parseKeys } from './api-keys.ts'

const folder = mkdtempSync(join(tmpdir(), 'inorder-api-keys-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const sha = (key: string) => digestOf(key).toString('hex')
const logger = pino({ level: 'silent' })

test('a line is a name, the digest of the key, its scopes, and when it expires', () => {
  const text = [
    '# of the shops',
    '',
    `shop ${sha('a')} orders:read,orders:write 2027-01-31`,
    `  desk\t${sha('b').toUpperCase()}   operate  2027-01-31T12:00:00+01:00  \r`,
    // Two keys of one name: while one takes the place of the other.
    `shop ${sha('c')} orders:read`,
  ].join('\n')
  assert.deepEqual(
    parseKeys(text).map(({ name, digest, scopes, expires }) => [name, digest, [...scopes], expires]),
    [
      ['shop', digestOf('a'), ['orders:read', 'orders:write'], Date.UTC(2027, 0, 31)],
      ['desk', digestOf('b'), ['operate'], Date.UTC(2027, 0, 31, 11)],
      ['shop', digestOf('c'), ['orders:read'], Number.POSITIVE_INFINITY],
    ],
  )
})

test('a bad line is told by its number, and no line counts without the others', () => {
  const good = `shop ${sha('a')} orders:read\n`
  const bad: [told: RegExp, line: string][] = [
    [/line 2: a line is/, 'shop'],
    [/line 2: a line is/, `shop ${sha('b')}`],
    [/line 2: a line is/, `shop ${sha('b')} operate 2027-01-31 more`],
    [/line 2: the sha256 of shop/, `shop ${sha('b').slice(1)} operate`],
    [/line 2: the sha256 of shop/, 'shop ino_0123456789 operate'],
    [/line 2: unknown scope "admin" of shop: there are orders:read/, `shop ${sha('b')} operate,admin`],
    [/line 2: unknown scope "" of shop/, `shop ${sha('b')} operate,`],
    [/line 2: unknown scope "Operate"/, `shop ${sha('b')} Operate`],
    ...['tomorrow', '2027', '2027-02-30T99:00:00Z', '2027-01-31T12:00:00', '31.1.2027', '1801396800000'].map(
      (expires): [RegExp, string] => [/line 2: .*expires.*ISO 8601/, `shop ${sha('b')} operate ${expires}`],
    ),
    [/line 2: a name/, `${'x'.repeat(129)} ${sha('b')} operate`],
    [/same key/, `other ${sha('a').toUpperCase()} operate`],
  ]
  for (const [told, line] of bad) assert.throws(() => parseKeys(good + line), told, line)
  const most = Array.from({ length: 1_001 }, (_, n) => `k ${sha(String(n))} operate`)
  assert.throws(() => parseKeys(most.join('\n')), /1000 are the most/)
  assert.equal(parseKeys(most.slice(1).join('\n')).length, 1_000)
})

test('a key is compared with every digest, whichever it is, in constant time', async (t) => {
  const file = join(folder, 'keys')
  writeFileSync(file, ['a', 'b', 'c'].map((key) => `${key} ${sha(key)} operate`).join('\n'))
  const keys = await ApiKeys.open(file, logger)
  t.after(() => keys.close())
  const compare = t.mock.method(crypto, 'timingSafeEqual')
  syncBuiltinESMExports()
  t.after(() => {
    compare.mock.restore()
    syncBuiltinESMExports()
  })
  for (const key of ['a', 'c', 'unknown']) {
    compare.mock.resetCalls()
    assert.equal(keys.find(key)?.name, key === 'unknown' ? undefined : key)
    assert.equal(compare.mock.callCount(), 3, key)
  }
})

test('a file that is too large, or not there, is an error', async () => {
  const file = join(folder, 'large')
  writeFileSync(file, '#'.repeat(256 * 1024 + 1))
  await assert.rejects(ApiKeys.open(file, logger), /more than 262144 bytes/)
  await assert.rejects(ApiKeys.open(join(folder, 'nowhere'), logger), /ENOENT/)
})

test('npm run key -- new: a key of 32 random bytes, and the line for the file that fits it', () => {
  const script = fileURLToPath(new URL('key.ts', import.meta.url))
  const make = (...args: string[]) => execFileSync(process.execPath, [script, ...args], { encoding: 'utf8' })
  const said = make('new', 'shop', 'orders:read,orders:write', '2027-01-31')
  const [key = ''] = said.match(/^ino_[\w-]{43}$/m) ?? []
  const [line = ''] = said.match(/^shop .*$/m) ?? []
  assert.equal(line, `shop ${sha(key)} orders:read,orders:write 2027-01-31`)
  const again = spawnSync(process.execPath, [script, 'new', 'shop', 'orders:read,admin'], { encoding: 'utf8' })
  assert.equal(again.status, 1)
  assert.match(again.stderr, /^no key was made: .*unknown scope "admin"/)
  assert.doesNotMatch(again.stdout, /ino_/)
})
