import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { root } from './checks.ts'

export interface Mutant {
  /** `file` from the root. The text must be in it exactly once. */
  edits: readonly { file: string; from: string; to: string }[]
  /** The test file that is run on it. */
  test: string
  env?: Record<string, string>
}

/** What a test says of a copy of the workspace that was changed. */
export async function outputOfMutant({ edits, test, env }: Mutant): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'inorder-mutant-'))
  try {
    for (const part of ['packages', 'services', 'testing'])
      cpSync(join(root, part), join(folder, part), { recursive: true })
    linkModules(join(root, 'node_modules'), join(folder, 'node_modules'))
    for (const { file, from, to } of edits) {
      const path = join(folder, file)
      const parts = readFileSync(path, 'utf8').split(from)
      assert.equal(parts.length, 2, `${file} must hold this text once: ${from}`)
      writeFileSync(path, parts.join(to))
    }
    const child = spawn(process.execPath, [join(folder, test)], {
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [output] = await Promise.all([text(child.stdout), once(child, 'close')])
    return output
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The links to the workspace's own packages lead to their copies. */
function linkModules(from: string, to: string): void {
  const own = '@inorder'
  mkdirSync(join(to, own), { recursive: true })
  for (const name of readdirSync(from)) if (name !== own) symlinkSync(join(from, name), join(to, name), 'junction')
  for (const name of readdirSync(join(from, own))) symlinkSync(readlinkSync(join(from, own, name)), join(to, own, name))
}
