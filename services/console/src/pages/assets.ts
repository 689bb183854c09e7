// The files that pages load: our own, and uPlot from its package. Their address names their content, so that a browser asks
// for each once, and again after an upgrade.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'

const types = { css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8', svg: 'image/svg+xml' }

export interface Asset {
  type: keyof typeof types
  url: string
}

const own = (name: string) => new URL(`static/${name}`, import.meta.url)
const ofUplot = (name: string) => new URL(name, import.meta.resolve('uplot'))

const files = {
  'style.css': own('style.css'),
  'parts.css': own('parts.css'),
  'views.css': own('views.css'),
  'frame.css': own('frame.css'),
  'console.js': own('console.js'),
  'charts.js': own('charts.js'),
  'icon.svg': own('icon.svg'),
  'uPlot.iife.min.js': ofUplot('uPlot.iife.min.js'),
  'uPlot.min.css': ofUplot('uPlot.min.css'),
} satisfies Record<string, URL>
export type AssetName = keyof typeof files

/** Serves them under `/static`, and gives the address of each. */
export async function serveAssets(app: Pick<FastifyInstance, 'get'>): Promise<(name: AssetName) => Asset> {
  const assets = new Map<string, Asset>()
  for (const [name, file] of Object.entries(files)) {
    const content = await readFile(fileURLToPath(file))
    const digest = createHash('sha256').update(content).digest('base64url').slice(0, 12)
    const type = name.slice(name.lastIndexOf('.') + 1) as Asset['type']
    const path = `/static/${name}`
    assets.set(name, { type, url: `${path}?${digest}` })
    app.get(path, { schema: { hide: true } }, async (request, reply) => {
      if (request.url === `${path}?${digest}`) reply.header('cache-control', 'public, max-age=31536000, immutable')
      return reply.type(types[type]).send(content)
    })
  }
  return (name) => assets.get(name)!
}
