// docs/new-consumer.md as it is printed: its files, its commands, its answer.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { freePortOffset } from '@inorder/testing/ports.ts'
import { Launched, root } from './starter.ts'

const folder = mkdtempSync(join(tmpdir(), 'inorder-new-consumer-'))
const tree = join(folder, 'inorder')
const page = readFileSync(join(root, 'docs/new-consumer.md'), 'utf8')
let stack: Launched | undefined
after(() => {
  stack?.killAll()
  rmSync(folder, { recursive: true, force: true })
})

interface Block {
  language: string
  file: string
  text: string
}

const blocks = [...page.matchAll(/^```(\w+) ?(\S*)\n(.*?)^```$/gms)].map(
  ([, language = '', file = '', text = '']): Block => ({ language, file, text }),
)
const commands = (word: string) =>
  blocks.find(({ language, text }) => language === 'sh' && text.includes(word))?.text ?? assert.fail(`no ${word}`)
const inTree = (file: string, ...args: string[]) => execFileSync(file, args, { cwd: tree, encoding: 'utf8' })

function copyTree(): void {
  mkdirSync(tree)
  const parts = ['packages', 'services', 'stack', 'testing', 'deploy', 'package.json', 'tsconfig.json', 'biome.json']
  for (const part of [...parts, '.gitignore'])
    cpSync(join(root, part), join(tree, part), { recursive: true, filter: (path) => !path.endsWith('node_modules') })
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
}

test('a consumer made by the page alone: checked, tested, started, and it answers what the page says', async () => {
  copyTree()
  for (const { file, text } of blocks.filter(({ file }) => file !== '')) {
    mkdirSync(dirname(join(tree, file)), { recursive: true })
    writeFileSync(join(tree, file), text)
  }
  const [, entry = assert.fail('no line for services.ts')] =
    /stack\/src\/services.ts`\n```ts\n(.*?)```/s.exec(page) ?? []
  const list = join(tree, 'stack/src/services.ts')
  writeFileSync(list, readFileSync(list, 'utf8').replace(/^]\n/m, `${entry}]\n`))
  inTree('sh', '-ec', commands('mkdir deploy/notifications'))

  // Of `npm run check` what the new files can break; the rest is checked where it stands.
  writeFileSync(
    join(tree, 'tsconfig.page.json'),
    JSON.stringify({ extends: './tsconfig.json', include: ['services/notifications', 'stack/src/services.ts'] }),
  )
  const bin = join(root, 'node_modules')
  inTree(process.execPath, join(bin, 'typescript/lib/tsc.js'), '--noEmit', '-p', 'tsconfig.page.json')
  inTree(process.execPath, join(bin, '@biomejs/biome/bin/biome'), 'ci', '--error-on-warnings', 'services/notifications')
  for (const file of ['services/notifications/src/notification.unit.ts', 'stack/src/compose-files.unit.ts'])
    inTree(process.execPath, file)

  const offset = await freePortOffset()
  const env = {
    INORDER_DATA: join(folder, 'data'),
    INORDER_INSTALL: join(root, '.local/install'),
    INORDER_PORT_OFFSET: String(offset),
    INORDER_SERVICES: 'cart,notifications',
  }
  stack = new Launched([process.execPath, join(tree, 'stack/src/start.ts')], env)
  await stack.ready()
  const curls = commands('curl').replace(/127\.0\.0\.1:(\d+)/g, (_, port) => `127.0.0.1:${Number(port) + offset}`)
  const said = inTree('sh', '-ec', curls)
  const [, promised = assert.fail('the page promises no answer')] = /and answers `(\{.*?\})`/.exec(page) ?? []
  assert.ok(said.endsWith(promised), said)
  stack.child.kill('SIGTERM')
  await stack.endsCleanly()
})
