// The suite's schema registry behind a door that speaks TLS alone and wants a login. `npm run test:secured` has Apicurio do
// that itself: here it would be one more JVM, 10 s of processor time.
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificates } from '@inorder/testing/certificates.ts'
import { registryUrl } from '@inorder/testing/parts.ts'
import { registrySettings, type SecuredRegistry } from './secured-registry.fixture.ts'

let shared: Promise<SecuredRegistry> | undefined

/** One for all suites of the process, which ends it. */
export function registryBehindDoor(): Promise<SecuredRegistry> {
  shared ??= open()
  return shared
}

async function open(): Promise<SecuredRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'registry-door-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const certificates = makeCertificates(folder)
  const [cert, key] = [readFileSync(certificates.server.cert), readFileSync(certificates.server.key)]
  const login = `Basic ${Buffer.from('inorder:registry-secret').toString('base64')}`
  const door = createServer({ cert, key }, (asked, answer) => {
    const { method, url = '', headers } = asked
    if (headers.authorization !== login) return answer.writeHead(401).end()
    const behind = request(new URL(url, registryUrl()), { method, headers })
    behind.on('response', (its) => its.pipe(answer.writeHead(its.statusCode ?? 502, its.headers)))
    behind.on('error', () => answer.destroy())
    return asked.pipe(behind)
  })
  door.listen(0, '127.0.0.1').unref()
  await once(door, 'listening')
  return registrySettings((door.address() as AddressInfo).port, certificates)
}
