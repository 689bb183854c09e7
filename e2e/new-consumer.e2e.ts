// docs/new-consumer.md as it is printed: its files, its commands, its answer.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { freePortOffset } from '@inorder/testing/ports.ts'
import type { Stack } from '@inorder/testing/stack.ts'
import { blocksOf, Copy } from './page.ts'
import { sharedStack } from './shared-stack.ts'
import { Launched, root } from './starter.ts'

const page = readFileSync(join(root, 'docs/new-consumer.md'), 'utf8')
const blocks = blocksOf(page)
const commands = (word: string) =>
  blocks.find(({ language, text }) => language === 'sh' && text.includes(word))?.text ?? assert.fail(`no ${word}`)

suite('a consumer made by the page alone', () => {
  let stack: Stack
  let copy: Copy
  let launched: Launched | undefined
  before(async () => {
    stack = await sharedStack()
    copy = new Copy()
  })
  after(() => {
    launched?.killAll()
    copy?.remove()
  })

  test('it passes the checks and its test', () => {
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
  })

  test('started beside a stack that runs, it answers what the page says', async () => {
    const offset = await freePortOffset()
    launched = new Launched([process.execPath, join(copy.tree, 'stack/src/start.ts')], {
      INORDER_DATA: join(copy.folder, 'data'),
      INORDER_PORT_OFFSET: String(offset),
      INORDER_SERVICES: 'notifications',
      DATABASE_URL: `postgres://postgres@${stack.address('postgres')}`,
      KAFKA_BROKERS: stack.address('kafka'),
      SCHEMA_REGISTRY_URL: stack.address('registry'),
    })
    await launched.ready()
    const curls = commands('curl')
      .replaceAll('127.0.0.1:3001', stack.address('cart'))
      .replaceAll('127.0.0.1:3008', `127.0.0.1:${3008 + offset}`)
    const said = copy.run('sh', '-ec', curls)
    const [, promised = assert.fail('the page promises no answer')] = /and prints `(\{.*?\})`/.exec(page) ?? []
    assert.ok(said.trimEnd().endsWith(promised), said)
    launched.child.kill('SIGTERM')
    await launched.endsCleanly()
  })
})
