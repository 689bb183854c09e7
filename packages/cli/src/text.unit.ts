import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { quoted } from '@inorder/contracts/shell.ts'
import { age, pairs, pasteable, shown, table, when } from './text.ts'

test('nothing foreign reaches the terminal as a control character, nor turns the direction of writing', () => {
  assert.equal(shown('a\x1b[2Jb\r\nc\x00\x7f\u009b'), 'a\\u{1b}[2Jb\\u{d}\\u{a}c\\u{0}\\u{7f}\\u{9b}')
  assert.equal(shown('\u202egnp\u2066\u2028\u200b\ufeff'), '\\u{202e}gnp\\u{2066}\\u{2028}\\u{200b}\\u{feff}')
  assert.equal(shown('\ud800'), '\\u{d800}')
  assert.equal(shown('żółw-注文-🛒 é'), 'żółw-注文-🛒 é')
})

test('what is quoted comes out of a shell as it was', () => {
  const odd = [
    '$(touch x)',
    '`id`',
    "it's",
    '"',
    '',
    ' a b ',
    '-x',
    '--',
    '*',
    '~',
    '\\',
    'a\nb',
    '!!',
    'ö🛒',
    '=ls',
    '#',
  ]
  const printed = execFileSync('bash', ['-c', `printf '%s\\0' ${odd.map(quoted).join(' ')}`], { encoding: 'utf8' })
  assert.deepEqual(printed.split('\0').slice(0, -1), odd)
})

test('a command that cannot be pasted as it is shown says so', () => {
  assert.equal(pasteable('inorder why -- o-1', 'npx '), 'npx inorder why -- o-1')
  assert.match(pasteable("inorder why -- 'a\u202eb'"), /'a\\u\{202e\}b' {3}\(cannot be pasted/)
})

test('times are UTC, with how long ago that was', () => {
  const now = Date.parse('2026-11-23T14:23:19.412Z')
  assert.equal(when('2026-11-23T14:20:19.412Z', now), '2026-11-23 14:20:19.412 UTC (3 min ago)')
  assert.equal(when(null, now), '-')
  assert.equal(when('\x1b[31mnever', now), '\\u{1b}[31mnever')
  const ages = [-5, 1_200, 60_000, 7_199_000, 7_200_000, 172_800_000].map(age)
  assert.deepEqual(ages, ['0.0 s', '1.2 s', '60 s', '119 min', '2 h', '2 days'])
})

test('a table is aligned, numbers to the right, and escaped', () => {
  const rows = [
    ['o-1', 7, null],
    ['a longer one', 1_000, '\x1b'],
  ]
  assert.deepEqual(table(['ORDER', 'COUNT', 'WHY'], rows), [
    'ORDER         COUNT  WHY',
    'o-1               7  -',
    'a longer one   1000  \\u{1b}',
  ])
  assert.deepEqual(table(['ORDER', 'COUNT'], []), ['ORDER  COUNT'])
  assert.deepEqual(
    pairs([
      ['a', 1],
      ['long', '\n'],
    ]),
    ['a     1', 'long  \\u{a}'],
  )
})
