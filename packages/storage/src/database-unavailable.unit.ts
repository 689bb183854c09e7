import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { isDatabaseUnavailable } from './database-unavailable.ts'

const ofServer = (code: string) => Object.assign(new pg.DatabaseError('no', 2, 'error'), { code })
const ofSystem = (code: string) => Object.assign(new Error(`connect ${code}`), { code })

for (const [what, error] of [
  ['a server that shuts down', ofServer('57P01')],
  ['a server that only reads', ofServer('25006')],
  ['a table that a migration has not made yet', ofServer('42P01')],
  ['a refused connection', ofSystem('ECONNREFUSED')],
  ['a socket file that is not there', Object.assign(ofSystem('ENOENT'), { syscall: 'connect' })],
  ['a connection that was reset', ofSystem('ECONNRESET')],
  ['all addresses refused', new AggregateError([ofSystem('ECONNREFUSED'), ofSystem('ENETUNREACH')])],
  ['a session that ended', new Error('Connection terminated unexpectedly')],
  ['a server that froze', new Error('Query read timeout')],
  ['no session to be had', new Error('timeout exceeded when trying to connect')],
] as const)
  test(`away: ${what}`, () => assert.equal(isDatabaseUnavailable(error), true))

for (const [what, error] of [
  ['a value that the database refuses', ofServer('22003')],
  ['a constraint', ofServer('23505')],
  ['a mistake in code', new TypeError('x is not a function')],
  ['a plain error of ours', new Error('a record to be parked has no bytes')],
  ['a file that is not there', Object.assign(ofSystem('ENOENT'), { syscall: 'open' })],
  ['several errors, of which one is a mistake', new AggregateError([ofSystem('ECONNREFUSED'), new TypeError('x')])],
] as const)
  test(`not away: ${what}`, () => assert.equal(isDatabaseUnavailable(error), false))
