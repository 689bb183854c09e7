// The registry's client against one that speaks TLS alone and wants a login.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname, join } from 'node:path'
import { before, suite, test } from 'node:test'
import { RegistryDenied, RegistryUnavailable, SchemaRegistry } from './registry.ts'
import { registryAccess } from './registry-access.ts'
import { registryBehindDoor } from './registry-door.fixture.ts'
import type { SecuredRegistry } from './secured-registry.fixture.ts'

suite('a schema registry that wants TLS and a login', () => {
  let secured: SecuredRegistry
  before(async () => {
    secured = await registryBehindDoor()
  })
  const ask = (env: NodeJS.ProcessEnv, url = secured.url) =>
    new SchemaRegistry({ url, deadlineMs: 5_000, access: registryAccess(env) }).idOf('some', '"string"')
  const says = (pattern: RegExp) => (error: Error) => {
    assert.ok(error instanceof RegistryDenied, error.stack)
    assert.match(error.message, pattern)
    assert.doesNotMatch(error.message, /-secret|\n/)
    return true
  }

  test('with its certificate trusted and the password of a file it answers', async () => {
    const { SCHEMA_REGISTRY_PASSWORD, ...rest } = secured.settings
    const file = join(dirname(secured.certificates.ca), 'password')
    writeFileSync(file, `${SCHEMA_REGISTRY_PASSWORD}\n`)
    assert.ok((await ask({ ...rest, SCHEMA_REGISTRY_PASSWORD_FILE: file })) > 0)
  })

  test('what is wrong is one line that names the setting', async () => {
    const { settings, certificates, url } = secured
    await assert.rejects(
      ask({ ...settings, SCHEMA_REGISTRY_PASSWORD: 'wrong-secret' }),
      says(/SCHEMA_REGISTRY_PASSWORD/),
    )
    const { SCHEMA_REGISTRY_USERNAME, SCHEMA_REGISTRY_PASSWORD, ...nobody } = settings
    await assert.rejects(ask(nobody), says(/401.*SCHEMA_REGISTRY_USERNAME/))
    const elsewhere = { ...settings, SCHEMA_REGISTRY_CA_FILE: certificates.otherCa }
    await assert.rejects(ask(elsewhere), says(/not trusted.*SCHEMA_REGISTRY_CA_FILE/))
    const byAddress = url.replace('localhost', '127.0.0.1')
    await assert.rejects(ask(settings, byAddress), says(/ALTNAME.*SCHEMA_REGISTRY_URL/))
    await assert.rejects(
      ask(settings, 'https://localhost:1'),
      (error) => !(error instanceof RegistryDenied) && error instanceof RegistryUnavailable,
    )
  })

  test('a token goes out as it is, and is read again for each request', async () => {
    const given: (string | undefined)[] = []
    const server = createServer((request, response) => {
      given.push(request.headers.authorization)
      response.end('{"id":1}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const file = join(dirname(secured.certificates.ca), 'token')
    const access = { SCHEMA_REGISTRY_TOKEN_FILE: file }
    for (const token of ['first', 'second']) {
      writeFileSync(file, token)
      await ask(access, `http://127.0.0.1:${port}`)
    }
    assert.deepEqual(given, ['Bearer first', 'Bearer second'])
    server.close()
  })
})
