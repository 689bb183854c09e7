import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

test('README.md names whatever can be imported and called', async () => {
  const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
  const parts = globSync(join(import.meta.dirname, 'src/*/index.ts'))
  assert.equal(parts.length, 4)
  const names = (await Promise.all(parts.map((part) => import(part)))).flatMap(Object.keys)
  assert.deepEqual(
    names.filter((name) => !readme.includes(name)),
    [],
  )
})
