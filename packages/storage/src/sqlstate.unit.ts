import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { refusalOf, sqlFault } from './sqlstate.ts'

const serverError = (code: string) => Object.assign(new pg.DatabaseError('refused', 7, 'error'), { code })

test('rules 5 and 17: classes 22, 23 and 54 are the data’s fault', () => {
  for (const code of ['22003', '22P05', '23505', '23514', '54000']) {
    assert.equal(refusalOf(serverError(code)), 'data', code)
    assert.equal(sqlFault(serverError(code)), 'row', code)
  }
})

test('rule 17: a time limit, the server’s or our own, is neither the data’s fault nor an outage', () => {
  for (const error of [serverError('57014'), serverError('25P04'), new Error('Query read timeout')])
    assert.equal(refusalOf(error), 'time-limit', String(error))
})

test('rule 17: connections, sessions, names, resources, locks and administrators are no record’s fault', () => {
  const classes = '08 25 26 28 3D 3F 40 42 53 55 57 58 XX'.split(' ')
  for (const code of classes.map((start) => `${start}P01`)) {
    assert.equal(refusalOf(serverError(code)), 'outage', code)
    assert.equal(sqlFault(serverError(code)), 'transient', code)
  }
  for (const error of [new Error('Connection terminated'), new AggregateError([]), 'text'])
    assert.equal(refusalOf(error), 'outage')
})

test('rule 17: whatever else a server says, and a mistake in code, may be a record’s fault or ours', () => {
  for (const code of ['P0001', '0A000', '21000', '38000', '44000', 'HV000'])
    assert.equal(refusalOf(serverError(code)), 'unclear', code)
  for (const error of [new TypeError('x'), new RangeError('x')]) assert.equal(refusalOf(error), 'unclear')
})
