import { Problem } from '@inorder/contracts/problems.ts'
import type { FastifyInstance } from 'fastify'
import { sendProblem } from './errors.ts'

/**
 * What no route takes: a known path with another method is 405 (OPTIONS is told what there is), all else 404. Answered
 * before the body is parsed: what is wrong with that is not the point.
 */
export function otherMethods(app: Pick<FastifyInstance, 'addHook'>): void {
  const routes = new Map<string, { path: RegExp; methods: Set<string> }>()
  app.addHook('onRoute', ({ url, method }) => {
    const route = routes.get(url) ?? { path: pathOf(url), methods: new Set() }
    for (const one of [method].flat()) route.methods.add(one)
    routes.set(url, route)
  })

  app.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) return done()
    const path = request.url.split('?', 1)[0] ?? ''
    const allowed = [...routes.values()].filter((route) => route.path.test(path)).flatMap(({ methods }) => [...methods])
    if (allowed.length === 0) {
      return sendProblem(new Problem('route-not-found', `There is nothing at ${path}; see /docs.`), request, reply)
    }
    const allow = [...new Set([...allowed, 'OPTIONS'])].join(', ')
    if (request.method === 'OPTIONS') return void reply.code(204).header('allow', allow).send()
    const detail = `${request.method} is not for ${path}; it takes ${allow}.`
    sendProblem(new Problem('method-not-allowed', detail, { headers: { allow } }), request, reply)
  })
}

const pathOf = (url: string) => new RegExp(`^${url.replace(/[.+()]/g, '\\$&').replace(/:\w+/g, '[^/]+')}$`)
