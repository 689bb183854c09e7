// Schemathesis, a Python program that makes requests out of an OpenAPI document, valid ones and others. It is installed
// once, beside Kafka and the registry.
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { root } from './starter.ts'

const version = '4.32.5'
const folder = join(root, 'e2e/schemathesis')
const run = promisify(execFile)

/** The version of a Python that can run it, such as 3.12. INORDER_PYTHON=required makes it a failure that there is none. */
export function pythonVersion(): string | undefined {
  const tell = 'import sys, pip; assert sys.version_info >= (3, 11); print("%d.%d" % sys.version_info[:2])'
  try {
    return execFileSync('python3', ['-c', tell], { encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch (error) {
    if (process.env.INORDER_PYTHON === 'required') throw error
    return undefined
  }
}

/** The folder of its packages. Not an environment of its own (venv): what makes one is missing on many a Debian. */
async function installed(python: string): Promise<string> {
  const install = resolve(process.env.INORDER_INSTALL || join(root, '.local/install'))
  const target = join(install, `schemathesis-${version}-python-${python}`)
  if (existsSync(target)) return target
  const temporary = mkdtempSync(`${target}.`)
  try {
    const pinned = ['--no-deps', '--only-binary=:all:', '--require-hashes', '-r', join(folder, 'requirements.txt')]
    await run('python3', ['-m', 'pip', 'install', '--quiet', '--no-compile', '--target', temporary, ...pinned])
    renameSync(temporary, target)
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    // Another run may have brought it meanwhile.
    if (!existsSync(target)) throw error
  }
  return target
}

interface Wanted {
  python: string
  /** Addresses of services, and the ids of the operations that are asked for there. */
  services: [url: string, operations: string[]][]
  /** For each operation. */
  requests: number
  /** The same requests for the same seed. */
  seed: number
  phases: string
}

/** Its report, and whether it found nothing. */
export async function schemathesis({ python, services, requests, seed, phases }: Wanted) {
  const packages = await installed(python)
  const cwd = mkdtempSync(join(tmpdir(), 'schemathesis-'))
  const args = [
    ...[join(folder, 'schemathesis.toml'), JSON.stringify(services.map(([url, ids]) => [`${url}/openapi.json`, ids]))],
    ...['--max-examples', String(requests), '--seed', String(seed), '--phases', phases, '--no-color'],
  ]
  try {
    const { stdout } = await run('python3', [join(folder, 'run.py'), ...args], {
      cwd,
      env: { ...process.env, PYTHONPATH: packages },
      maxBuffer: 64 * 1024 * 1024,
    })
    return { passed: true, report: stdout }
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    return { passed: false, report: `${stdout}${stderr}` }
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}
