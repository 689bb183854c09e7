import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { Circuit } from './circuit.ts'

test('open until the first acknowledgement and from each failure to the next one; each change is told and logged once', async () => {
  const changes: boolean[] = []
  const lines: string[] = []
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line).msg) })
  const circuit = new Circuit(logger, (away) => changes.push(away))
  assert.equal(circuit.unavailable, true)
  circuit.open(new Error('not there yet'))
  circuit.open(new Error('still not'))
  circuit.close()
  circuit.close()
  await circuit.contact
  circuit.open(new Error('gone'))
  circuit.open(new Error('still gone'))
  assert.equal(circuit.unavailable, true)
  circuit.close()
  assert.deepEqual(changes, [true, false, true, false])
  assert.equal(lines.length, 4)
})
