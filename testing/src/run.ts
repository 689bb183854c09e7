// `npm test`: the checks, then the tiers, each on parts of its own. `npm test -- order inbox.int` runs only test files
// whose path contains one of the words, without the checks.
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { root, runChecks, sources } from './checks.ts'
import { processesOf } from './leftovers.ts'
import { startStack } from './stack.ts'
import { type Counts, runTier } from './tier.ts'
import { until } from './until.ts'

const words = process.argv.slice(2)
const stopped = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopped.abort())
if (process.connected) process.on('disconnect', () => stopped.abort())

const folder = mkdtempSync(join(tmpdir(), 'inorder-test-'))
process.env.TMPDIR = folder
const total: Counts = { passed: 0, failed: 0 }
const add = ({ passed, failed }: Counts) => {
  total.passed += passed
  total.failed += failed
}

try {
  if (words.length === 0) {
    console.log('\n── check')
    add({ passed: 0, failed: await runChecks(stopped.signal) })
  }
  await tier('unit', { concurrency: 2, timeout: 60_000, processes: 2 })
  // Its tests wait more than they work; a file of the next tier keeps both processors of a small machine busy by itself.
  await tier('int', { concurrency: 3, timeout: 300_000, processes: 30 }, withParts)
  // Code broken by hand, on which a test must fail. Minutes of both processors: `npm test -- mutants`.
  if (words.length > 0) await tier('mutants', { concurrency: 2, timeout: 240_000 }, withParts)
  await tier('e2e', { concurrency: 1, timeout: 300_000 })
  if (words.length > 0 && total.passed + total.failed === 0) fail(`no test file's path contains ${words.join(' or ')}`)
  if (stopped.signal.aborted) fail('the run was stopped')
} catch (error) {
  fail(error instanceof Error ? (error.stack ?? error.message) : String(error))
} finally {
  await leaveNothing()
}
console.log(`\n${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed === 0 ? 0 : 1)

/** `processes`: so many run all files, each several; without it, each file has its own. */
type Limits = { concurrency: number; timeout: number; processes?: number }
type Surroundings = (work: () => Promise<void>) => Promise<void>

async function tier(
  name: string,
  { processes, ...limits }: Limits,
  surroundings: Surroundings = (work) => work(),
): Promise<void> {
  const files = notImported(
    globSync(`{${sources}}/**/*.${name}.ts`, { cwd: root, exclude: (path) => path.includes('node_modules') })
      .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
      .sort(),
  )
  if (stopped.signal.aborted) return
  if (files.length === 0) {
    if (words.length === 0) fail(`the ${name} tier has no test files`)
    return
  }
  console.log(`\n── ${name}: ${files.length} files`)
  const begun = performance.now()
  await surroundings(async () => {
    const paths = files.map((file) => join(root, file))
    const entries = processes === undefined ? paths : entriesOf(paths, processes)
    const counts = await runTier({ files: paths, entries, ...limits, signal: stopped.signal })
    add(counts)
    const seconds = ((performance.now() - begun) / 1000).toFixed(1)
    console.log(`── ${name}: ${counts.passed} passed, ${counts.failed} failed (${seconds} s)`)
    if (counts.passed + counts.failed === 0) fail(`the ${name} tier has no tests`)
  })
}

/** So many files that run these, each as a suite: most of what a small test file costs is the loading of what it imports. */
function entriesOf(files: string[], count: number): string[] {
  return Array.from({ length: Math.min(count, files.length) }, (_, n) => {
    const path = join(folder, `tests-${n + 1}.mjs`)
    const own = files.filter((_, index) => index % count === n)
    const suites = own.map((file) => `suite(${JSON.stringify(file)}, () => import(${JSON.stringify(file)}))\n`)
    writeFileSync(path, `import { suite } from 'node:test'\n${suites.join('')}`)
    return path
  })
}

/** Without those that another one of them runs, by importing it. */
function notImported(files: string[]): string[] {
  const imported = (file: string) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/^import '(.+)'$/gm)].map(([, path = '']) =>
      join(dirname(file), path),
    )
  const run = new Set(files.flatMap(imported))
  return files.filter((file) => !run.has(file))
}

/** PostgreSQL, Kafka and registry, started once for all files of the tier. */
async function withParts(work: () => Promise<void>): Promise<void> {
  const classData = join(folder, 'classes')
  mkdirSync(classData, { recursive: true })
  const env = { INORDER_SERVICES: 'none', INORDER_CLASS_DATA: classData }
  const stack = await startStack({ env, signal: stopped.signal })
  process.env.TEST_DATABASE_URL = `postgres://postgres@${stack.address('postgres')}/postgres`
  process.env.TEST_KAFKA_BROKERS = stack.address('kafka')
  process.env.TEST_SCHEMA_REGISTRY_URL = stack.address('registry')
  try {
    await work()
  } finally {
    await stack.stop()
    // Its Kafka has left its classes there: those of later stacks start with half the processor time.
    if (existsSync(join(classData, 'kafka.jsa'))) process.env.TEST_CLASS_DATA = classData
  }
}

/** Stacks stop by themselves when their test file ends; whatever is still there after that is a failure, and ended. */
async function leaveNothing(): Promise<void> {
  const gone = () => processesOf(folder).length === 0
  await until('every process of the run has ended', gone, 20_000).catch(() => {
    for (const { pid, command } of processesOf(folder)) {
      fail(`left running by a test: process ${pid}, ${command}`)
      process.kill(pid, 'SIGKILL')
    }
  })
  rmSync(folder, { recursive: true, force: true })
}

function fail(why: string): void {
  console.log(`✖ ${why}`)
  total.failed++
}
