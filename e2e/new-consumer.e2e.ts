// docs/new-consumer.md as it is printed: its files, its commands, its answer.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { freePortOffset } from '@inorder/testing/ports.ts'
import { blocksOf, Copy } from './page.ts'
import { Launched, root } from './starter.ts'

const page = readFileSync(join(root, 'docs/new-consumer.md'), 'utf8')
const blocks = blocksOf(page)
const copy = new Copy()
let stack: Launched | undefined
after(() => {
  stack?.killAll()
  copy.remove()
})

const commands = (word: string) =>
  blocks.find(({ language, text }) => language === 'sh' && text.includes(word))?.text ?? assert.fail(`no ${word}`)

test('a consumer made by the page alone: checked, tested, started, and it answers what the page says', async () => {
  for (const { file, text } of blocks.filter(({ file }) => file !== '')) copy.write(file, text)
  const [, entry = assert.fail('no line for services.ts')] =
    /stack\/src\/services.ts`\n```ts\n(.*?)```/s.exec(page) ?? []
  const list = 'stack/src/services.ts'
  copy.write(list, copy.read(list).replace(/^]\n/m, `${entry}]\n`))
  copy.run('sh', '-ec', commands('mkdir deploy/notifications'))

  // Of `npm run check` what the new files can break; the rest is checked where it stands.
  assert.equal(copy.typeErrors('services/notifications', list), '')
  copy.node('node_modules/@biomejs/biome/bin/biome', 'ci', '--error-on-warnings', 'services/notifications')
  for (const file of ['services/notifications/src/notification.unit.ts', 'stack/src/compose-files.unit.ts'])
    copy.node(file)

  const offset = await freePortOffset()
  const env = {
    INORDER_DATA: join(copy.folder, 'data'),
    INORDER_INSTALL: join(root, '.local/install'),
    INORDER_PORT_OFFSET: String(offset),
    INORDER_SERVICES: 'cart,notifications',
  }
  stack = new Launched([process.execPath, join(copy.tree, 'stack/src/start.ts')], env)
  await stack.ready()
  const curls = commands('curl').replace(/127\.0\.0\.1:(\d+)/g, (_, port) => `127.0.0.1:${Number(port) + offset}`)
  const said = copy.run('sh', '-ec', curls)
  const [, promised = assert.fail('the page promises no answer')] = /and prints `(\{.*?\})`/.exec(page) ?? []
  assert.ok(said.trimEnd().endsWith(promised), said)
  stack.child.kill('SIGTERM')
  await stack.endsCleanly()
})
