import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyRequest } from 'fastify'
import { faultIn, Sessions } from './session.ts'

const request = (headers: Record<string, string>, more: object = {}) =>
  ({ method: 'GET', protocol: 'http', headers, ...more }) as FastifyRequest
const credential = `ino_${'x'.repeat(43)}`
const begun = async (sessions: Sessions, more = {}) => {
  const [cookie = '', ...attributes] = (await sessions.begin(credential, request({}, more))).split('; ')
  return { cookie, attributes }
}

test('a cookie holds the credential for 8 hours, and only the console with its key reads it', async (t) => {
  const sessions = new Sessions('a secret of 32 characters or more')
  const { cookie } = await begun(sessions)
  const readBy = (other: Sessions) => other.credentialIn(request({ cookie: `a=b; ${cookie}; c=d` }))
  assert.equal(await readBy(sessions), credential)
  assert.equal(await readBy(new Sessions('a secret of 32 characters or more')), credential, 'another instance')
  assert.equal(await readBy(new Sessions(undefined)), undefined)
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + (8 * 3600 - 10) * 1_000 })
  assert.equal(await readBy(sessions), credential)
  t.mock.timers.setTime(Date.now() + 20_000)
  assert.equal(await readBy(sessions), undefined)
})

test('over TLS alone it is Secure', async () => {
  const sessions = new Sessions(undefined)
  assert.ok(!(await begun(sessions)).attributes.includes('Secure'))
  assert.ok((await begun(sessions, { protocol: 'https' })).attributes.includes('Secure'))
})

test('the longest credential fits into what a browser keeps of a cookie', async () => {
  const longest = 'x'.repeat(2_800)
  assert.equal(faultIn(longest), undefined)
  assert.match(faultIn(`${longest}x`) ?? '', /does not fit/)
  const cookie = await new Sessions(undefined).begin(longest, request({}, { protocol: 'https' }))
  assert.ok(cookie.length <= 4_096, `${cookie.length}`)
})
