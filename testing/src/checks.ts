// What must hold of the source without running it: types, style, direction of imports, no package host in the lock file,
// and that code, tests and pages agree with docs/protocol.md.
import { spawn } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { protocolErrors } from './protocol.ts'

export const root = fileURLToPath(new URL('../../', import.meta.url))
export const sources = ['packages', 'services', 'stack', 'testing', 'e2e', 'bench']

/** Nothing when it holds, else what is wrong. */
type Check = () => Promise<string | undefined>

const checks: Record<string, Check> = {
  types: () => tool('typescript/lib/tsc.js', '--noEmit', '--pretty', 'false'),
  style: () => tool('@biomejs/biome/bin/biome', 'ci', '--error-on-warnings', '--colors=off'),
  imports: () => tool('dependency-cruiser/bin/dependency-cruiser.mjs', ...sources),
  'lock file': async () => {
    const hosts = readFileSync(join(root, 'package-lock.json'), 'utf8').match(/https?:\/\/[^"]*\.tgz/g)
    return hosts ? `package-lock.json names package hosts, such as ${hosts[0]}; .npmrc keeps them out` : undefined
  },
  protocol: async () => {
    const exclude = (name: string) => /(^|\/)(node_modules|\.[^/]*)$/.test(name)
    const paths = globSync('**/*.{ts,js,sql,md,avsc,yml,py}', { cwd: root, exclude })
    const files = paths.map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
    return protocolErrors(readFileSync(join(root, 'docs/protocol.md'), 'utf8'), files).join('\n') || undefined
  },
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
