// Runs the test files of one tier and counts, from the runner's own events, what became of each test.
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

export interface Counts {
  passed: number
  failed: number
}

export interface TierOptions {
  files: string[]
  concurrency: number
  /** Of one test, in ms. */
  timeout: number
  signal: AbortSignal
}

/** A test that was skipped, is a "todo" or sits in no file's tests at all is a failure: it proves nothing. */
export function runTier({ files, concurrency, timeout, signal }: TierOptions): Promise<Counts> {
  return new Promise((resolve, reject) => {
    let counts: Counts | undefined
    let withoutTests = 0
    // forceExit: a handle left open in a test file must not hang the run; processes left behind are looked for after it.
    const events = run({ files, concurrency, timeout, signal, isolation: 'process', forceExit: true })
    events.on('test:pass', ({ name, file }) => {
      // A file without tests is reported as a test that is named like the file.
      if (name === file) {
        withoutTests++
        console.log(`✖ no test in ${file}`)
      }
    })
    events.on('test:summary', ({ file, counts: { tests, passed, skipped, todo } }) => {
      if (file !== undefined) return
      if (skipped + todo > 0) console.log(`✖ ${skipped} skipped, ${todo} todo: each counts as failed`)
      counts = { passed: passed - withoutTests, failed: tests - passed + withoutTests }
    })
    const output = events.compose(spec)
    output.on('data', (text) => process.stdout.write(text))
    output.once('error', reject)
    output.once('end', () => resolve(counts ?? { passed: 0, failed: 1 }))
  })
}
