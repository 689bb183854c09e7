// Inboxes broken by hand: each is a copy of this package with one change in its text, and property.int.ts must fail on it,
// naming what is broken. A text that is not found exactly once has moved on: the mutant has to follow it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { root } from '@inorder/testing/checks.ts'

export interface Mutant {
  /** Under src/. */
  file: string
  from: string
  to: string
}

/** With these changes, which only make something smaller, the property holds. */
export function holds(name: string, mutant: Mutant): void {
  test(name, async () => {
    const output = await outputOf(mutant, 100)
    assert.match(output, /# pass 1|ℹ pass 1/, output)
  })
}

export function eachIsCaught(mutants: Record<string, Mutant>): void {
  for (const [name, mutant] of Object.entries(mutants)) {
    test(name, async () => {
      const output = await outputOf(mutant)
      const invariant = output.match(/(I\d|rule \d+), .+?(?=: )/)?.[0]
      const runs = output.match(/Property failed after (\d+) tests/)?.[1]
      assert.ok(invariant && runs, `no invariant is named: ${output}`)
      console.log(`${name}: ${invariant} (history ${runs})`)
    })
  }
}

async function outputOf({ file, from, to }: Mutant, histories = 300): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'inorder-mutant-'))
  try {
    const copy = join(folder, 'packages/messaging')
    cpSync(join(root, 'packages/messaging'), copy, { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction')
    const path = join(copy, 'src', file)
    const parts = readFileSync(path, 'utf8').split(from)
    assert.equal(parts.length, 2, `${file} must hold this text once: ${from}`)
    writeFileSync(path, parts.join(to))
    const child = spawn(process.execPath, [join(copy, 'src/inbox/property.int.ts')], {
      env: {
        ...process.env,
        NODE_TEST_CONTEXT: undefined,
        INBOX_SEED: '1',
        INBOX_SEQUENCES: String(histories),
        INBOX_SHRINK: 'no',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [output] = await Promise.all([text(child.stdout), once(child, 'close')])
    return output
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
