// A Chromium for tests of pages: the machine's own, or Debian's package. It is installed once; without root its files, and
// those of the libraries that it lacks, are laid out beside Kafka and the registry.
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { root } from './starter.ts'

interface Chromium {
  path: string
  /** Where its libraries are, if not where the system's are. */
  libraries?: string
}

const names = ['chromium', 'chromium-browser', 'google-chrome']
const isRoot = process.getuid?.() === 0
/** A run that must not leave anything out says so. */
const isRequired = process.env.INORDER_BROWSER === 'required' || process.env.CI === 'true'

const run = (file: string, args: string[], cwd?: string) =>
  execFileSync(file, args, {
    ...(cwd !== undefined && { cwd }),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 2 ** 26,
  })

/** Undefined: there is none, and none can be had. Where one is required that is a failure. */
export function findChromium(): Chromium | undefined {
  try {
    return inPath() ?? unpacked() ?? install()
  } catch (error) {
    const why = String((error as { stderr?: string }).stderr || (error as Error).message)
      .trim()
      .split('\n')
      .at(-1)
    if (isRequired) throw new Error(`there is no Chromium in PATH, and Debian's cannot be installed: ${why}`)
    console.log(
      `LEFT OUT: the tests in a browser. There is no Chromium in PATH, and Debian's cannot be installed: ${why}`,
    )
    return undefined
  }
}

function inPath(): Chromium | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const path = folders.flatMap((folder) => names.map((name) => join(folder, name))).find((path) => existsSync(path))
  return path === undefined ? undefined : { path }
}

const folder = resolve(process.env.INORDER_INSTALL || join(root, '.local/install'), 'chromium')

function unpacked(): Chromium | undefined {
  const path = join(folder, 'usr/lib/chromium/chromium')
  if (!existsSync(path)) return undefined
  return {
    path,
    libraries: globSync('{usr/,}lib/*-linux-gnu', { cwd: folder })
      .map((of) => join(folder, of))
      .join(':'),
  }
}

function install(): Chromium | undefined {
  console.log("installing Debian's Chromium, for the tests in a browser")
  if (isRoot) {
    run('apt-get', ['update'])
    run('apt-get', ['install', '--yes', '--no-install-recommends', 'chromium'])
    return inPath()
  }
  const planned = run('apt-get', ['install', '--simulate', '--no-install-recommends', 'chromium'])
  const packages = [...planned.matchAll(/^Inst (\S+)/gm)].map(([, name = '']) => name)
  const temporary = `${folder}.${process.pid}`
  mkdirSync(temporary, { recursive: true })
  try {
    run('apt-get', ['download', ...packages], temporary)
    for (const file of globSync('*.deb', { cwd: temporary })) run('dpkg', ['--extract', file, '.'], temporary)
    renameSync(temporary, folder)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
  return unpacked()
}

export function launch({ path, libraries }: Chromium): Promise<Browser> {
  const env = { ...process.env, ...(libraries !== undefined && { LD_LIBRARY_PATH: libraries }) }
  // A container has a small /dev/shm, and a root its sandbox is not for.
  return chromium.launch({
    executablePath: path,
    env: env as Record<string, string>,
    args: ['--disable-dev-shm-usage'],
  })
}
