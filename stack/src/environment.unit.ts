import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bareEnvironment, forgetAccess, mavenEnvironment } from './environment.ts'

const shell = {
  PATH: '/bin',
  TMPDIR: '/tmp/mine',
  LC_ALL: 'tr_TR.UTF-8',
  JAVA_TOOL_OPTIONS: '-Duser.language=tr',
  PGOPTIONS: '-c search_path=mine',
  PGSSLMODE: 'require',
  QUARKUS_HTTP_PORT: '1',
  MAVEN_OPTS: '-Xmx1g',
}

test('a program that is not ours gets what it needs to run, and none of what it would take for a setting', () => {
  const { LC_ALL, ...others } = bareEnvironment(shell)
  assert.match(LC_ALL ?? '', /\.UTF-8$/)
  assert.deepEqual(others, { PATH: '/bin', TMPDIR: '/tmp/mine' })
})

test('Maven keeps the settings of its user, but for the language', () => {
  const { LC_ALL, JAVA_HOME, MAVEN_OPTS, JAVA_TOOL_OPTIONS } = mavenEnvironment(shell, '/jdk')
  assert.notEqual(LC_ALL, shell.LC_ALL)
  assert.deepEqual([JAVA_HOME, JAVA_TOOL_OPTIONS], ['/jdk', shell.JAVA_TOOL_OPTIONS])
  assert.match(MAVEN_OPTS ?? '', /^-Xmx1g .*-Duser.language=en\b/)
})

test('what would change the way to a part of our own is forgotten, and nothing else', () => {
  const env: NodeJS.ProcessEnv = { ...shell, PGHOST: 'elsewhere', PAYMENT_URL: 'http://p' }
  forgetAccess(env, {})
  const { PGOPTIONS, PGSSLMODE, ...rest } = shell
  assert.deepEqual(env, { ...rest, PAYMENT_URL: 'http://p' })
  const access = { PGPASSWORD_FILE: 'f', KAFKA_TLS: 'on', KAFKA_SASL_PASSWORD_FILE: 'f', SCHEMA_REGISTRY_TOKEN: 't' }
  const all: NodeJS.ProcessEnv = { ...access }
  forgetAccess(all, { database: 'd', kafka: 'k', registry: 'r' })
  assert.deepEqual(all, access)
  forgetAccess(all, {})
  assert.deepEqual(all, {})
})
