// Schemathesis, a Python program that makes requests out of an OpenAPI document, valid ones and others. It is installed
// once, beside Kafka and the registry.
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
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

/**
 * The folder of its packages. Not an environment of its own (venv): what makes one is missing on many a Debian. By its name
 * `site-packages` Hypothesis knows that they are not the code under test: that it would read for constants, for 3 s.
 */
async function installed(python: string): Promise<string> {
  const install = resolve(process.env.INORDER_INSTALL || join(root, '.local/install'))
  const target = join(install, `schemathesis-${version}-py${python}`)
  const packages = join(target, 'site-packages')
  if (existsSync(target)) return packages
  const temporary = mkdtempSync(`${target}.`)
  try {
    const pinned = ['--no-deps', '--only-binary=:all:', '--require-hashes', '-r', join(folder, 'requirements.txt')]
    const into = ['--no-compile', '--target', join(temporary, basename(packages))]
    await run('python3', ['-m', 'pip', 'install', '--quiet', ...into, ...pinned])
    renameSync(temporary, target)
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    // Another run may have brought it meanwhile.
    if (!existsSync(target)) throw error
  }
  return packages
}

interface Wanted {
  python: string
  /** The ids of the operations that are asked for at each address, and how many requests each gets. */
  services: { url: string; operations: string[]; requests: number }[]
  /** The same requests for the same seed. */
  seed: number
  phases: string
}

/** Its report, and whether it found nothing. */
export async function schemathesis({ python, services, seed, phases }: Wanted) {
  const packages = await installed(python)
  const cwd = mkdtempSync(join(tmpdir(), 'schemathesis-'))
  const args = [
    ...[join(folder, 'schemathesis.toml'), JSON.stringify(services)],
    ...['--seed', String(seed), '--phases', phases, '--no-color'],
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
