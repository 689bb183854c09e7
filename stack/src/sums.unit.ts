import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readSums, verify } from './sums.ts'

const running = new AbortController().signal

test('a changed byte and a missing file are named; untouched files pass', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'inorder-sums-'))
  const names = ['a.jar', 'b c.jar', 'd.jar']
  const content = Buffer.alloc(3_000_000, 7)
  const sums = join(folder, 'all.sha256')
  for (const name of names) writeFileSync(join(folder, name), content)
  const sha256 = createHash('sha256').update(content).digest('hex')
  writeFileSync(sums, names.map((name) => `${sha256}  ${name}\n`).join(''))
  const files = readSums(sums)
  assert.deepEqual(
    files.map((file) => file.path),
    names,
  )
  await verify(folder, files, running)

  content[2_999_999] = 8
  writeFileSync(join(folder, 'b c.jar'), content)
  await assert.rejects(verify(folder, files, running), /^StartFailure: [^\n]*b c\.jar is not the file that was chosen/)
  rmSync(join(folder, 'b c.jar'))
  await assert.rejects(verify(folder, files, running), /^StartFailure: [^\n]*b c\.jar is missing/)
})
