import assert from 'node:assert/strict'
import { mkdtempSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeFolder } from './folder.ts'

test('a folder is made with those above it; one that cannot be is named in one line', () => {
  const there = mkdtempSync(join(tmpdir(), 'inorder-folder-'))
  makeFolder(join(there, 'a/b/c'), 'INORDER_DATA')
  makeFolder(join(there, 'a/b/c'), 'INORDER_DATA')
  assert.ok(statSync(join(there, 'a/b/c')).isDirectory())
  writeFileSync(join(there, 'file'), '')
  // Under /proc Node's own recursive mkdir never ends.
  for (const path of [join(there, 'file/data'), ...(process.platform === 'linux' ? ['/proc/inorder/data'] : [])]) {
    assert.throws(() => makeFolder(path, 'INORDER_DATA'), /^StartFailure: [^\n]*mkdir[^\n]*INORDER_DATA[^\n]*$/)
  }
})
