// The consumer: follows each parcel from depot to depot, and answers over HTTP where it has been, what is held and why.
import { createServer } from 'node:http'
import { join } from 'node:path'
import { copiesOf, type Handler, Inbox, inboxMigrations } from '@inorder/messaging/inbox'
import { openOutbox } from '@inorder/messaging/outbox'
import { connections } from './connections.ts'
import { type ParcelMoved, parcels } from './parcel.ts'

const depots = new Set((process.env.DEPOTS ?? 'Hamburg,Bremen,Berlin').split(','))

/** Where a parcel has been, the newest last. */
type Journey = readonly string[]

const handler: Handler<Journey, ParcelMoved> = {
  async load(tx, parcelIds) {
    const { rows } = await tx.query('SELECT parcel_id, depots FROM journey WHERE parcel_id = ANY($1)', [parcelIds])
    return new Map(rows.map((row) => [row.parcel_id, row.depots]))
  },
  apply(before = [], { depot }) {
    if (!depots.has(depot)) throw new Error(`there is no depot ${depot}`)
    return { state: [...before, depot] }
  },
  async save(tx, changed) {
    await tx.query(
      `INSERT INTO journey SELECT parcel_id, depots FROM json_to_recordset($1) AS new (parcel_id text, depots text[])
       ON CONFLICT (parcel_id) DO UPDATE SET depots = excluded.depots`,
      [JSON.stringify([...changed].map(([parcel_id, depots]) => ({ parcel_id, depots })))],
    )
  },
}

const outbox = openOutbox({ ...connections('hub'), instance: 'hub-1', topics: [copiesOf(parcels)] })
const inbox = new Inbox(parcels, handler, { ...outbox, group: 'hub' })
await outbox.start([...inboxMigrations, { name: 'hub', path: join(import.meta.dirname, 'migrations/hub') }])
inbox.start()

const operator = 'hub'
const server = createServer(async ({ method, url = '' }, response) => {
  const { pathname, searchParams } = new URL(url, 'http://hub')
  const [, what, key = '', action] = decodeURIComponent(pathname).split('/')
  const route = `${method} ${what} ${action ?? ''}`.trim()
  const event = searchParams.get('event') ?? ''
  const answers: Record<string, () => unknown> = {
    'GET parcels': async () => (await handler.load(outbox.pool, [key])).get(key),
    'GET parked': () => (key ? inbox.ops.of(key) : inbox.ops.list({})),
    'POST parked redrive': () => inbox.ops.redrive(key, { operator }),
    'POST parked discard': () =>
      inbox.ops.discard(key, { operator, event, reason: 'no such depot', skipVersion: true }),
  }
  const answer = await answers[route]?.()
  response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer))
})
server.listen(Number(process.env.PORT ?? 4001), '127.0.0.1')

process.once('SIGTERM', async () => {
  server.close()
  await inbox.close()
  await outbox.close()
})
