// Somebody who issues tokens, and says over HTTP which keys they are signed with.
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

export const issuer = 'https://issuer.example'
export const audience = 'inorder'
export const seconds = (from: number) => Math.floor(Date.now() / 1_000) + from

interface Key {
  kid: string
  alg: string
  privateKey: Awaited<ReturnType<typeof generateKeyPair>>['privateKey']
  jwk: JWK
}

export async function newKey(kid: string, alg = 'ES256'): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid } }
}

/** A token as the issuer makes it; what is `undefined` in `claims` is not in it. */
export const signed = ({ kid, alg, privateKey }: Key, claims: Record<string, unknown> = {}): Promise<string> =>
  new SignJWT({ iss: issuer, aud: audience, sub: 'ann', exp: seconds(600), scope: 'orders:read', ...claims })
    .setProtectedHeader({ alg, kid })
    .sign(privateKey)

export const keySet = (...keys: Key[]): string => JSON.stringify({ keys: keys.map(({ jwk }) => jwk) })

/** Answers what `answer` says, which may be changed at any time. `close` and `open` again keep the port. */
export async function startIssuer(...keys: Key[]) {
  const its = {
    asked: 0,
    answer: ((_request, response) => response.end(keySet(...keys))) as RequestListener,
    url: '',
    open,
    close,
    names(...others: Key[]) {
      its.answer = (_request, response) => response.end(keySet(...others))
    },
  }
  let server = createServer()
  let port = 0

  async function open() {
    server = createServer({ keepAlive: false }, (request, response) => {
      its.asked++
      response.setHeader('connection', 'close')
      its.answer(request, response)
    }).listen(port, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
    its.url = `http://127.0.0.1:${port}/keys`
  }

  async function close() {
    if (!server.listening) return
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }

  await open()
  return its
}
