// Kafka and the registry come from Maven Central, once, into a folder that all stacks of this repository share.
import { existsSync, globSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { mavenEnvironment } from './environment.ts'
import { StartFailure } from './failure.ts'
import { step } from './output.ts'
import type { Settings } from './settings.ts'
import { readSums, type Sum, verify } from './sums.ts'
import { run, ToolFailed } from './tool.ts'

export interface Installed {
  folder: string
  files: Sum[]
}

const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'
const registryArtifact = 'io.apicurio:apicurio-registry-app:3.3.3:tar.gz:all'

/** Installed (if it must be) and verified. `java` runs Maven where the environment names no Java of its own. */
export const kafkaJars = (settings: Settings, java: string, stopping: AbortSignal): Promise<Installed> =>
  jars('stack/install/kafka-4.3.1', 'Kafka 4.3.1, 92 jars, 54 MB', settings, java, stopping)

/** What `<path>.pom.xml` depends on, as `<path>.sha256` has it. */
export function jars(
  path: string,
  what: string,
  settings: Settings,
  java: string,
  stopping: AbortSignal,
): Promise<Installed> {
  return installed(path, what, settings, stopping, async (folder) => {
    const pom = join(settings.root, `${path}.pom.xml`)
    const copy = ['-f', pom, `${plugin}:copy-dependencies`, '-DincludeScope=runtime', `-DoutputDirectory=${folder}`]
    await runMaven(copy, java, stopping)
  })
}

export function registryFiles(settings: Settings, java: string, stopping: AbortSignal): Promise<Installed> {
  const what = 'schema registry Apicurio 3.3.3, 151 MB'
  return installed('stack/install/registry-3.3.3', what, settings, stopping, async (folder) => {
    await runMaven([`${plugin}:copy`, `-Dartifact=${registryArtifact}`, `-DoutputDirectory=${folder}`], java, stopping)
    const [archive = ''] = globSync(join(folder, '*.tar.gz'))
    await run({ file: 'tar', args: ['-xzf', archive, '-C', folder, '--no-same-owner'] }, stopping)
    rmSync(archive)
  })
}

async function installed(
  path: string,
  what: string,
  settings: Settings,
  stopping: AbortSignal,
  install: (folder: string) => Promise<void>,
): Promise<Installed> {
  const folder = join(settings.install, basename(path))
  const files = readSums(join(settings.root, `${path}.sha256`))
  if (!existsSync(folder)) {
    // Made beside it and renamed, so that the folder is there whole or not at all.
    const temporary = `${folder}.${process.pid}`
    try {
      mkdirSync(temporary, { recursive: true })
      await step(`through Maven: ${what}`, () => install(temporary))
      renameSync(temporary, folder)
    } catch (error) {
      // Another stack, started at the same time, was faster: the same files, by their sums.
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    } finally {
      rmSync(temporary, { recursive: true, force: true })
    }
  }
  await verify(folder, files, stopping)
  return { folder, files }
}

async function runMaven(args: string[], java: string, stopping: AbortSignal): Promise<void> {
  const env = mavenEnvironment(process.env, java)
  try {
    await run({ file: 'mvn', args: ['-q', '-B', '-ntp', ...args], env }, stopping)
  } catch (error) {
    if (!(error instanceof ToolFailed)) throw error
    if (!error.missing) throw new StartFailure(`Maven could not bring what is needed: ${error.message}`)
    throw new StartFailure(
      'Maven is not installed (no mvn in PATH): install it, for example with "apt-get install maven"',
    )
  }
}
