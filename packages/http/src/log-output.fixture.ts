// Writes numbered lines to a log of small files, and tells each number once its line is written.
import { writeSync } from 'node:fs'
import { LogOutput } from './log-output.ts'

const [path, largest, last = 'never'] = process.argv.slice(2)
const output = new LogOutput(path, Number(largest))
for (let n = 1; ; n++) {
  output.write(`${n}\n`)
  if (String(n) === last) process.exit()
  output.flush()
  writeSync(1, `${n}\n`)
}
