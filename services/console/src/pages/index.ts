// The pages' addresses: each is HTML at its own, and as server-sent events under /live before it. What a form asks for goes
// to /do.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Problem } from '@inorder/contracts/problems.ts'
import { mayOperate } from '@inorder/http/operator.ts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Services } from '../services.ts'
import { type AssetName, serveAssets } from './assets.ts'
import { FiguresPoller } from './figures.ts'
import { takeForms } from './form.ts'
import { html } from './html.ts'
import { documentOf, type Page } from './layout.ts'
import { sendLive } from './live.ts'
import { type Fields, operations } from './operations.ts'
import { refusal } from './parts.ts'
import type { Poisoner } from './poison.ts'
import { type Asked, pagesOf, type Sources } from './routes.ts'
import { sharedAnswers } from './shared-answers.ts'
import { surroundingsOf } from './surroundings.ts'
import { type List, pathOf, Viewer } from './viewer.ts'

export interface PagesOptions {
  services: Services
  timelineOf: Sources['timelineOf']
  /** Whether callers are asked who they are: then nothing is made up to try. */
  asksWhoCalls: boolean
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
  const { services, timelineOf, asksWhoCalls, poisoner, stopping } = options
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
    return send(request, reply, page, error.status)
  })

  for (const [path, page] of Object.entries(pagesOf({ timelineOf, poisons: poisoner !== undefined }))) {
    if (asksWhoCalls && path === trying[0]) continue
    app.get(path, { schema: { hide: true } }, async (request, reply) => {
      const found = await page(askedOf(request))
      if ('redirect' in found) return reply.redirect(found.redirect, 303)
      return send(request, reply, found.page, found.status)
    })

    app.get(`/live${path}`, { schema: { hide: true } }, async (request, reply) => {
      const now = Date.now()
      const url = request.url.slice('/live'.length)
      const first = await page({ ...askedOf(request), now })
      if ('redirect' in first || first.page.everyMs === undefined)
        throw new Problem('route-not-found', 'This page does not change by itself.')
      const { everyMs } = first.page
      return sendLive(request, reply, {
        everyMs,
        figures: first.page.charts ? figures : undefined,
        stopping,
        async render() {
          const viewer = new Viewer(shared(keptMs(everyMs)), request.headers)
          const found = await page({ ...askedOf(request), viewer, now })
          return 'page' in found ? textOf(request, found.page, { viewer, url, now }) : ''
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
    return send(request, reply, { title: 'It was not done', main }, answer.reachable ? answer.status : 503)
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

  const viewerOf = (request: FastifyRequest) => new Viewer(services, request.headers)

  const askedOf = (request: FastifyRequest): Asked => ({
    viewer: viewerOf(request),
    params: request.params as Asked['params'],
    query(name) {
      const value = (request.query as Record<string, unknown>)[name]
      return typeof value === 'string' ? value : ''
    },
    now: Date.now(),
  })

  async function textOf(
    request: FastifyRequest,
    page: Page,
    { viewer = viewerOf(request), url = request.url, now = Date.now() } = {},
  ): Promise<string> {
    const surroundings = await surroundingsOf(viewer)
    const assets = [...ofEvery, ...(page.charts ? ofCharts : [])].map(assetOf)
    return documentOf(page, {
      url,
      now,
      surroundings,
      assets,
      icon: assetOf('icon.svg').url,
      navigation: asksWhoCalls ? navigation : [...navigation, trying],
      caller: request.caller ? { name: request.caller.name, mayOperate: mayOperate(request) } : undefined,
    })
  }

  const send = async (request: FastifyRequest, reply: FastifyReply, page: Page, status = 200) =>
    reply
      .code(status)
      .type('text/html; charset=utf-8')
      .send(await textOf(request, page))
}

const unknown = html`<p>It is not known whether the change was made: look at it before you repeat it.</p>`

/** The page on which the form stood, if it is one of ours. */
function backOf({ headers: { referer = '' }, host }: FastifyRequest): string {
  const from = URL.parse(referer)
  return from?.host === host ? from.pathname + from.search : '/'
}
