// Runs the test files of one tier and counts, from the runner's own events, what became of each test.
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

export interface Counts {
  passed: number
  failed: number
}

export interface TierOptions {
  files: string[]
  /** What is run instead of the files, and imports them. */
  entries?: string[]
  concurrency: number
  /** Of one test, and of one suite with all of its tests, in ms. */
  timeout: number
  signal: AbortSignal
}

const untilWritten = import.meta.resolve('./until-written.ts')

/** A test that was skipped or is a "todo", and a file that has no test at all, are failures: they prove nothing. */
export function runTier({ files, entries = files, concurrency, timeout, signal }: TierOptions): Promise<Counts> {
  return new Promise((resolve, reject) => {
    let counts: Counts | undefined
    const hollow: string[] = []
    const withTests = new Set<string>()
    const whole = new Set<string>()
    let suites = 0
    let testsSoFar = 0
    // forceExit: a handle left open in a test file must not hang the run; processes left behind are looked for after it.
    const options = {
      timeout,
      signal,
      isolation: 'process',
      forceExit: true,
      execArgv: ['--import', untilWritten],
    } as const
    const events = run({ files: entries, concurrency, ...options })
    events.on('test:pass', ({ name, file, details: { type } }) => {
      // An entry without tests is reported as a test that is named like it.
      if (name === file) hollow.push(file)
      else ended(name, type)
    })
    events.on('test:fail', ({ name, details: { type, error } }) => {
      ended(name, type)
      // The runner's counts are of tests: a suite whose hook fails, or whose file cannot be loaded, is not in them.
      if (type === 'suite' && (error as { failureType?: string }).failureType !== 'subtestsFailed') suites++
    })
    /** An entry makes each of its files a suite of that name, and tells of a suite behind its tests. */
    function ended(name: string, type?: string): void {
      if (type !== 'suite') testsSoFar++
      else if (files.includes(name)) {
        if (testsSoFar > 0) withTests.add(name)
        testsSoFar = 0
      }
    }
    events.on('test:summary', ({ file, counts: { tests, passed, skipped, todo } }) => {
      if (file !== undefined) return void whole.add(file)
      if (skipped + todo > 0) console.log(`✖ ${skipped} skipped, ${todo} todo: each counts as failed`)
      // A file that runs others by importing them has no test of its own.
      const empty = entries === files ? hollow : files.filter((path) => !withTests.has(path))
      for (const path of empty) console.log(`✖ no test in ${path}`)
      // Its own summary is the last that a process tells.
      const cut = entries.filter((path) => !whole.has(path) && !hollow.includes(path))
      for (const path of cut) console.log(`✖ it ended before all of its results were told: ${path}`)
      counts = { passed: passed - hollow.length, failed: tests - passed + suites + empty.length + cut.length }
    })
    const output = events.compose(spec)
    output.on('data', (text) => process.stdout.write(text))
    output.once('error', reject)
    output.once('end', () => resolve(counts ?? { passed: 0, failed: 1 }))
  })
}
