// Signing in and out, where callers are asked who they are.
import { Problem } from '@inorder/contracts/problems.ts'
import { answerError } from '@inorder/http/errors.ts'
import { parseQuery } from '@inorder/http/query.ts'
import { closed } from '@inorder/http/schemas.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { faultIn, type Sessions } from './session.ts'
import { comingBackPage, signInPage } from './sign-in-page.ts'

const Form = closed({ credential: Type.String(), to: Type.Optional(Type.String()) })
const Query = closed({ to: Type.Optional(Type.String()) })

/** Of this console, whatever a link says. */
const pathIn = (to = '/'): string => (/^\/(?![/\\])[^\\]*$/.test(to) ? to : '/')

const page = (reply: FastifyReply, text: string) => reply.type('text/html; charset=utf-8').send(text)

/** A call that shows no credential is made with that of the cookie. To be called before the routes are added. */
export function showCredential(app: Pick<FastifyInstance, 'addHook'>, sessions: Sessions): void {
  app.addHook('onRequest', async (request) => {
    if (request.headers.authorization !== undefined) return
    const credential = await sessions.credentialIn(request)
    if (credential !== undefined) request.headers.authorization = `Bearer ${credential}`
  })
}

/** Of a request whose answer goes on: throws once who sent it has signed out, or counts no more. */
export async function assertSignedIn(request: FastifyRequest, sessions: Sessions): Promise<void> {
  if (await sessions.hasEnded(request)) throw new Problem('unauthenticated', 'The session has ended.')
  await request.checkCaller()
}

/** In the scope of the pages: whoever asks for one and is not signed in is shown where they can do so. */
export async function signIn(scope: FastifyInstance, sessions: Sessions): Promise<void> {
  scope.setErrorHandler((error: Error, request, reply) =>
    error instanceof Problem && error.name === 'unauthenticated' && wantsPage(request)
      ? askToSignIn(request, reply, error.detail)
      : answerError(error, request, reply),
  )
  await scope.register(async (app) => {
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
      done(null, parseQuery(String(body))),
    )
    app.get<{ Querystring: Static<typeof Query> }>(
      '/sign-in',
      { schema: { hide: true, querystring: Query } },
      async ({ query }, reply) => page(reply, signInPage({ to: pathIn(query.to) })),
    )
    app.post<{ Body: Static<typeof Form> }>(
      '/sign-in',
      { schema: { hide: true, body: Form } },
      async (request, reply) => {
        const to = pathIn(request.body.to)
        const credential = request.body.credential.trim()
        const why = faultIn(credential)
        if (why !== undefined) return page(reply.code(400), signInPage({ to, why }))
        return reply.header('set-cookie', await sessions.begin(credential, request)).redirect(to, 303)
      },
    )
    app.post('/sign-out', { schema: { hide: true } }, async (request, reply) =>
      reply.header('set-cookie', await sessions.end(request)).redirect('/sign-in', 303),
    )
  })
}

const wantsPage = ({ method, headers }: FastifyRequest) =>
  method === 'GET' && /\btext\/html\b/.test(headers.accept ?? '')

function askToSignIn({ url, headers }: FastifyRequest, reply: FastifyReply, detail: string) {
  // A SameSite=Strict cookie does not come with a link of another site. It does once the page loads itself.
  if (headers['sec-fetch-site'] === 'cross-site') return page(reply, comingBackPage())
  const why = headers.authorization === undefined ? undefined : detail
  return page(reply.code(401), signInPage({ to: url, why }))
}
