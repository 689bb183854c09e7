// `npm pack` runs this: src/ and what it uses of packages/storage become dist/, JavaScript with declarations.
// In dist/ storage is one more folder beside kafka, outbox, inbox and effects, so the package needs no other of the workspace.
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const here = import.meta.dirname
const root = join(here, '../..')
const copy = join(here, '.build')
const dist = join(here, 'dist')

for (const folder of [copy, dist]) rmSync(folder, { recursive: true, force: true })
cpSync(join(here, 'src'), copy, { recursive: true })
cpSync(join(root, 'packages/storage/src'), join(copy, 'storage'), { recursive: true })
for (const file of globSync(join(copy, '*/*.ts')))
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll(`'@inorder/storage/`, `'../storage/`))
writeFileSync(
  join(copy, 'tsconfig.json'),
  JSON.stringify({
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      rewriteRelativeImportExtensions: true,
      rootDir: '.',
      outDir: dist,
    },
    // What these do not lead to (tests, for one) stays out.
    include: ['*/index.ts'],
  }),
)
const { status } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/lib/tsc.js'), '-p', copy], {
  stdio: ['ignore', 2, 2],
})
rmSync(copy, { recursive: true })
process.exitCode = status ?? 1
