// What the client makes of a token server's answers. That Kafka takes its tokens: secured-kafka.int.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answering, endless, type Given } from './answering.fixture.ts'
import { TokenRefused, TokenUnavailable, tokenSource } from './oauth-token.ts'

async function asking(given: Given) {
  const server = await answering(() => given)
  try {
    return await tokenSource({ url: server.url, clientId: 'me', clientSecret: () => 'own-secret' })()
  } finally {
    await server.close()
  }
}

test('a token is what the server answers, whatever else it says', async () => {
  assert.equal(await asking({ status: 200, body: '{"access_token":"abc","expires_in":"soon","more":1}' }), 'abc')
})

test('an answer without a token, and one that does not end, name the setting', async () => {
  const answers: [Given, new (message: string) => Error, RegExp][] = [
    [{ status: 200, body: '{}' }, TokenUnavailable, /KAFKA_OAUTH_TOKEN_URL answers 200 without a token/],
    [{ status: 200, body: '<html>' }, TokenUnavailable, /KAFKA_OAUTH_TOKEN_URL answers 200 without a token/],
    [{ status: 500, body: '{"access_token":"abc"}' }, TokenUnavailable, /answers 500 without a token/],
    [{ status: 403, body: '<html>' }, TokenRefused, /refuses the client \(403\): mend KAFKA_OAUTH_CLIENT_ID/],
    [{ status: 200, body: endless }, TokenUnavailable, /KAFKA_OAUTH_TOKEN_URL answers 200 with more than 65536 bytes/],
  ]
  await Promise.all(
    answers.map(([given, kind, told]) =>
      assert.rejects(asking(given), (error: Error) => {
        assert.ok(error instanceof kind, error.stack)
        assert.match(error.message, told)
        assert.doesNotMatch(error.message, /-secret|\n/)
        return true
      }),
    ),
  )
})
