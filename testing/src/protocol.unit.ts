import assert from 'node:assert/strict'
import { test } from 'node:test'
import { protocolErrors, type SourceFile } from './protocol.ts'

// Not literally in this file, which is checked like any other.
const [rule, invariant, missing] = ['rule', 'I', 99]

const page = `# Rules
## 1. First
It holds.
- \`a.unit.ts\`: ${rule} 1: it holds

## 2. Second
- \`a.unit.ts\`: rules 1 and 2: both hold

## I7. Always
- \`b.e2e.ts\`: always
`
const a = {
  path: 'a.unit.ts',
  text: `test('${rule} 1: it holds', () => {})\nsuite("rules 1 and 2: both hold", () => {})`,
}
const b = { path: 'b.e2e.ts', text: `test('always', () => {})` }
const errorsOf = (more: SourceFile, text = page) => protocolErrors(text, [a, b, more])

test('a page whose rules are all tested, and cited as they are, is right', () => {
  assert.deepEqual(errorsOf({ path: 'c.ts', text: `// Rules 1 and 2, and ${invariant}7.` }), [])
})

test('whatever cites what is not there is named: code, a test, a page; a list, a range, over the end of a line', () => {
  const cites = (text: string, what = `rule ${missing}`) =>
    assert.deepEqual(errorsOf({ path: 'c.sql', text }), [`c.sql cites ${what}, which docs/protocol.md does not have`])
  cites(`-- Rule ${missing}: so it is`)
  cites(`(rules 1, 2 or ${missing})`)
  cites(`test('rules 2 and ${missing}: both', () => {})`)
  cites(`  // as ${rule}\n  // ${missing} has it`)
  cites(`same('${invariant}${missing}, the position')`, `invariant ${invariant}${missing}`)
  assert.equal(errorsOf({ path: 'c.md', text: `rules 1 to 4` }).length, 2)
})

test('a rule after which no test is named, or of which the page names none, is an error', () => {
  const more = `${page}\n## 3. Third\nIt is cited only.\n`
  assert.deepEqual(errorsOf({ path: 'c.ts', text: `test('${rule} 3: no file of tests', () => {})` }, more), [
    "no test is named after rule 3: test('rule 3: ...')",
    'docs/protocol.md names no test of rule 3',
  ])
})

test('a test that the page names has to exist: its file, and its name in it', () => {
  const stale = page.replace('b.e2e.ts', 'gone.e2e.ts').replace('1: it holds', '1: it held')
  assert.deepEqual(errorsOf(b, stale), [
    'docs/protocol.md names a test of rule 1 that does not exist: a.unit.ts: rule 1: it held',
    'docs/protocol.md names a test of invariant I7 that does not exist: gone.e2e.ts: always',
  ])
})
