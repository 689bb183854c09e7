// What must hold of the source without running it: types, style, direction of imports, no package host in a lock file,
// that code, tests and pages agree with docs/protocol.md, that pages name files that exist, and that no migration has the
// number of another.
import { spawn } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { protocolErrors, type SourceFile } from './protocol.ts'

export const root = fileURLToPath(new URL('../../', import.meta.url))
export const sources = ['packages', 'services', 'stack', 'testing', 'e2e', 'bench']

/** Nothing when it holds, else what is wrong. */
type Check = () => Promise<string | undefined>

const checks: Record<string, Check> = {
  types: () => tool('typescript/lib/tsc.js', '--noEmit', '--pretty', 'false'),
  style: () => tool('@biomejs/biome/bin/biome', 'ci', '--error-on-warnings', '--colors=off'),
  imports: () => tool('dependency-cruiser/bin/dependency-cruiser.mjs', ...sources),
  'lock files': async () => {
    const named = textsOf('**/package-lock.json').flatMap(({ path, text }) => {
      const host = /https?:\/\/[^"]*\.tgz/.exec(text)
      return host ? [`${path} names package hosts, such as ${host[0]}; .npmrc keeps them out`] : []
    })
    return named.join('\n') || undefined
  },
  protocol: async () => {
    const files = textsOf('**/*.{ts,js,sql,md,avsc,yml,py}')
    return protocolErrors(readFileSync(join(root, 'docs/protocol.md'), 'utf8'), files).join('\n') || undefined
  },
  pages: async () => {
    // `services/notifications` is what docs/new-consumer.md has its reader make.
    const named = /`((?:packages|services(?!\/notifications)|stack|testing|e2e|bench)\/[\w./-]+\.[a-z]+)`/g
    const gone = textsOf('**/*.md').flatMap(({ path, text }) =>
      [...text.matchAll(named)]
        .filter(([, file]) => !existsSync(join(root, file!)))
        .map(([, file]) => `${path} names ${file}, which does not exist`),
    )
    return gone.join('\n') || undefined
  },
  migrations: async () => numberErrors(globSync('{packages,services,examples}/*/migrations/**/*.sql', { cwd: root })),
}

/** Of two migrations of a folder that have one number a database would get one, and no service would start. */
export function numberErrors(paths: readonly string[]): string | undefined {
  const byNumber = Map.groupBy(paths, (path) => /^.*\/\d{3}(?=\.do\.[\w-]+\.sql$)/.exec(path)?.[0])
  const wrong = [...byNumber].flatMap(([number, of]) => {
    if (number === undefined) return of.map((path) => `${path} is not named 001.do.what-it-makes.sql`)
    return of.length > 1 ? [`${of.join(' and ')} have one number`] : []
  })
  return wrong.join('\n') || undefined
}

/** Of the repository; not what npm installed, nor what a stack or git keeps. */
function textsOf(pattern: string): SourceFile[] {
  const exclude = (name: string) => /(^|\/)(node_modules|\.[^/]*)$/.test(name)
  const paths = globSync(pattern, { cwd: root, exclude })
  return paths.map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

/** Runs all checks, says how each went, and returns how many failed. */
export async function runChecks(signal?: AbortSignal): Promise<number> {
  let failed = 0
  for (const [name, check] of Object.entries(checks)) {
    if (signal?.aborted) return failed
    const begun = performance.now()
    const wrong = await check()
    if (wrong) failed++
    console.log(`${wrong ? '✖' : '✔'} ${name} (${((performance.now() - begun) / 1000).toFixed(1)} s)`)
    if (wrong) console.log(wrong)
  }
  return failed
}

function tool(script: string, ...args: string[]): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'node_modules', script), ...args], { cwd: root })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code === 0 ? undefined : output || `ended with ${signal ?? code}`))
  })
}
