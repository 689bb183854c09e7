import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { findJava, majorVersion } from './java.ts'
import { readSettings } from './settings.ts'

const folder = () => mkdtempSync(join(tmpdir(), 'inorder-java-'))
const running = new AbortController().signal

/** A folder that looks like a Java of that version. */
function home(path: string, version: string): string {
  mkdirSync(join(path, 'bin'), { recursive: true })
  writeFileSync(join(path, 'bin/java'), '')
  chmodSync(join(path, 'bin/java'), 0o755)
  writeFileSync(join(path, 'release'), `IMPLEMENTOR="x"\nJAVA_VERSION="${version}"\n`)
  return path
}

const find = (env: NodeJS.ProcessEnv) => {
  const settings = { ...readSettings({}), install: folder() }
  return findJava(settings, { PATH: '', INORDER_JVM_DIRS: folder(), ...env }, running)
}

test('the version is what the release file says', () => {
  assert.equal(majorVersion(home(folder(), '25.0.3')), 25)
  assert.equal(majorVersion(home(folder(), '1.8.0_402')), 1)
  assert.equal(majorVersion(folder()), 0)
})

test('JAVA_HOME, then PATH, then the system; one that is too old is passed over', async () => {
  const [inHome, onPath, inSystem] = [folder(), folder(), folder()]
  const bin = folder()
  home(onPath, '21')
  symlinkSync(join(onPath, 'bin/java'), join(bin, 'java'))
  home(join(inSystem, 'jdk-25'), '25')
  const env = { JAVA_HOME: inHome, PATH: bin, INORDER_JVM_DIRS: inSystem }
  assert.equal(await find({ ...env, JAVA_HOME: home(inHome, '22.0.1') }), inHome)
  assert.equal(await find({ ...env, JAVA_HOME: home(inHome, '17.0.15') }), onPath)
  home(onPath, '20')
  assert.equal(await find(env), join(inSystem, 'jdk-25'))
})
