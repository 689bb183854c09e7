import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyRequest } from 'fastify'
import { operatorOf } from './operator.ts'

/** Node reads headers as Latin-1. */
const asNodeReads = (name: string) => Buffer.from(name).toString('latin1')
const named = (header?: string) =>
  operatorOf({ headers: header === undefined ? {} : { 'x-operator': header }, ip: '127.0.0.1' } as FastifyRequest)

test('an operator is named in UTF-8, or else in Latin-1; without a name by their address', () => {
  assert.equal(named(asNodeReads('Zoë Żółw')), 'Zoë Żółw')
  assert.equal(named('Zo\xeb'), 'Zoë')
  assert.equal(named('ann'), 'ann')
  for (const none of [undefined, '']) assert.equal(named(none), '127.0.0.1')
})

test('with authentication on the caller is named, whatever x-operator says', () => {
  const caller = { name: 'shop', id: 'key shop', scopes: new Set() }
  const request = { caller, headers: { 'x-operator': 'ann' }, ip: '127.0.0.1' } as unknown as FastifyRequest
  assert.equal(operatorOf(request), 'shop')
})

test('a name of more than 200 characters is cut between two of them', () => {
  assert.equal(named(asNodeReads(`x${'🛒'.repeat(300)}`)), `x${'🛒'.repeat(199)}`)
})
