// `npm start` where paths and locale are odd. `restored.e2e.ts` starts the same stack again in a Turkish shell.
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { assertUnreached, posix } from './odd-shell.ts'
import { cartAndOrder, sharedStack } from './shared-stack.ts'
import { root } from './starter.ts'

const folder = mkdtempSync(join(tmpdir(), 'inorder-any-shell-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test('paths with an é, a space, a comma and a semicolon; the locale knows ASCII only', async () => {
  const odd = join(folder, 'clé, d;un')
  const tree = join(odd, 'inorder')
  mkdirSync(join(tree, '.local'), { recursive: true })
  for (const part of ['stack', 'packages', 'services', 'package.json'])
    cpSync(join(root, part), join(tree, part), { recursive: true, filter: (path) => !path.endsWith('node_modules') })
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
  symlinkSync(join(root, '.local/install'), join(odd, 'install'))
  const env = { ...cartAndOrder, ...posix, INORDER_INSTALL: join(odd, 'install') }
  const data = join(odd, 'data')
  const stack = await sharedStack({ root: tree, data, env })
  assert.equal(stack.data, data, 'the first to ask for a stack')
  await assertUnreached(stack)
})
