// AsyncAPI's own parser. It is installed for a run alone: 135 packages, which nothing else needs.
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from './starter.ts'

const run = promisify(execFile)
const script = `
const { Parser } = require('@asyncapi/parser')
new Parser().validate(require('node:fs').readFileSync('document.json', 'utf8'))
  .then((problems) => console.log(JSON.stringify(problems.map(({ code, message }) => code + ': ' + message))))`

/** What it has to say about a document. */
export async function asyncApiProblems(document: string): Promise<string[]> {
  const cwd = mkdtempSync(join(tmpdir(), 'asyncapi-'))
  try {
    cpSync(join(root, 'e2e/asyncapi'), cwd, { recursive: true })
    writeFileSync(join(cwd, 'document.json'), document)
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd })
    return JSON.parse((await run(process.execPath, ['-e', script], { cwd })).stdout)
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}
