// The pages' addresses: each is HTML at its own, and as server-sent events under /live before it. What a form asks for goes
// to /do.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { pathOf } from '@inorder/contracts/paths.ts'
import { Problem } from '@inorder/contracts/problems.ts'
import { mayOperate } from '@inorder/http/operator.ts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Services } from '../services.ts'
import type { Sessions } from '../session.ts'
import { assertSignedIn } from '../sign-in.ts'
import { type List, Viewer } from '../viewer.ts'
import { type AssetName, serveAssets } from './assets.ts'
import { FiguresPoller } from './figures.ts'
import { takeForms } from './form.ts'
import { html } from './html.ts'
import { documentOf, type Page } from './layout.ts'
import { sendLive } from './live.ts'
import { type Fields, operations } from './operations.ts'
import { refusal } from './parts.ts'
import type { Poisoner } from './poison.ts'
import { type Asked, type Found, pagesOf } from './routes.ts'
import { sharedAnswers } from './shared-answers.ts'
import { surroundingsOf } from './surroundings.ts'

export interface PagesOptions {
  services: Services
  /** Where callers are asked who they are: then nothing is made up to try. */
  sessions?: Sessions | undefined
  /** Where the topic is on this machine: it can be shown what poison does. */
  poisoner?: Poisoner | undefined
  /** Aborted when the console stops. */
  stopping: AbortSignal
}

/** How old an answer may be that others who look at such a page are shown: less than between two looks at it. */
const keptMs = (everyMs: number) => Math.min(0.9 * everyMs, 2_700)
const ofEvery: AssetName[] = ['style.css', 'parts.css', 'views.css', 'frame.css', 'console.js']
const ofCharts: AssetName[] = ['uPlot.min.css', 'uPlot.iife.min.js', 'charts.js']
const navigation = [
  ['/', 'Overview'],
  ['/orders', 'Orders'],
  ['/parked', 'Parked'],
  ['/topics', 'Topics'],
  ['/audit', 'Audit'],
] as const
const trying = ['/try', 'Try it'] as const

export const pages: FastifyPluginAsyncTypebox<PagesOptions> = async (app, options) => {
  const { services, sessions, poisoner, stopping } = options
  const assetOf = await serveAssets(app)
  const figures = new FiguresPoller(services)
  const shared = sharedAnswers(services)
  app.addHook('onClose', async () => {
    figures.close()
    poisoner?.close()
  })
  takeForms(app)
  app.setErrorHandler(async (error: Error, request, reply) => {
    // Whoever is not signed in is asked to, and what nobody has foreseen is answered as everywhere.
    if (!(error instanceof Problem) || error.name === 'unauthenticated') throw error
    const page = { title: error.body('', '').title as string, main: html`<p>${error.detail}</p>` }
    return send(reply, await textOf(request, page), error.status)
  })

  for (const [path, page] of Object.entries(pagesOf(poisoner !== undefined))) {
    if (sessions && path === trying[0]) continue
    app.get(path, { schema: { hide: true } }, async (request, reply) => {
      const found = await look(request, page)
      return 'redirect' in found ? reply.redirect(found.redirect, 303) : send(reply, found.text, found.status)
    })

    app.get(`/live${path}`, { schema: { hide: true } }, async (request, reply) => {
      const at = { url: request.url.slice('/live'.length), now: Date.now() }
      const first = await look(request, page, at)
      if ('redirect' in first || first.page.everyMs === undefined)
        throw new Problem('route-not-found', 'This page does not change by itself.')
      const { everyMs, charts } = first.page
      return sendLive(request, reply, {
        everyMs,
        first: first.text,
        figures: charts ? figures : undefined,
        stopping,
        async render() {
          if (sessions) await assertSignedIn(request, sessions)
          const found = await look(request, page, { ...at, from: shared(keptMs(everyMs)) })
          return 'redirect' in found ? '' : found.text
        },
      })
    })
  }

  app.post('/do/:operation', { schema: { hide: true } }, async (request, reply) => {
    const { operation } = request.params as { operation: string }
    const fields = Object(request.body) as Fields
    if (operation === 'poison' && poisoner) return reply.redirect(await poison(request, fields, poisoner), 303)
    if (!Object.hasOwn(operations, operation))
      throw new Problem('route-not-found', `There is nothing called ${operation}.`)
    const { service, method, path, body, seen } = operations[operation as keyof typeof operations](fields)
    const answer = await viewerOf(request).write(service, path, method, body)
    if (answer.reachable && answer.status < 300) return reply.redirect(seen(answer.body), 303)
    const main = html`${refusal(answer, service)}${!answer.reachable && unknown}<p><a href="${backOf(request)}">Back</a></p>`
    const text = await textOf(request, { title: 'It was not done', main })
    return send(reply, text, answer.reachable ? answer.status : 503)
  })

  /** The topic has as many partitions as the order service has positions. */
  async function poison(request: FastifyRequest, { key = '' }: Fields, poisoner: Poisoner): Promise<string> {
    const positions = await viewerOf(request).get<List<unknown>>('order', '/ops/positions?limit=1000')
    if (!positions?.items.length || key === '')
      throw new Problem(
        'unavailable',
        'Nothing was written: the order service does not tell how many partitions there are.',
      )
    await poisoner.poison(key, positions.items.length)
    return pathOf('orders', key)
  }

  const viewerOf = (request: FastifyRequest, from = services) => {
    const { authorization } = request.headers
    return new Viewer(from, { authorization, operator: `console, from ${request.ip}` })
  }

  /** All that a page shows is asked for at once: whoever waits for a service that is silent waits once. */
  async function look(
    request: FastifyRequest,
    page: (asked: Asked) => Promise<Found>,
    { from = services, url = request.url, now = Date.now() } = {},
  ) {
    const viewer = viewerOf(request, from)
    const surroundings = surroundingsOf(viewer)
    const found = await page({ viewer, params: request.params as Asked['params'], query: queryIn(request), now })
    if ('redirect' in found) return found
    return { ...found, text: await textOf(request, found.page, { url, now, surroundings }) }
  }

  async function textOf(
    request: FastifyRequest,
    page: Page,
    { url = request.url, now = Date.now(), surroundings = surroundingsOf(viewerOf(request)) } = {},
  ): Promise<string> {
    const assets = [...ofEvery, ...(page.charts ? ofCharts : [])].map(assetOf)
    return documentOf(page, {
      url,
      now,
      surroundings: await surroundings,
      assets,
      icon: assetOf('icon.svg').url,
      navigation: sessions ? navigation : [...navigation, trying],
      caller: request.caller ? { name: request.caller.name, mayOperate: mayOperate(request) } : undefined,
    })
  }
}

const send = (reply: FastifyReply, text: string, status = 200) =>
  reply.code(status).type('text/html; charset=utf-8').send(text)

const queryIn = (request: FastifyRequest) => (name: string) => {
  const value = (request.query as Record<string, unknown>)[name]
  return typeof value === 'string' ? value : ''
}

const unknown = html`<p>It is not known whether the change was made: look at it before you repeat it.</p>`

/** The page on which the form stood, if it is one of ours. */
function backOf({ headers: { referer = '' }, host }: FastifyRequest): string {
  const from = URL.parse(referer)
  return from?.host === host ? from.pathname + from.search : '/'
}
