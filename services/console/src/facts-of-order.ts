// What is asked besides of an order: its history, what it lacks of the stock, and what of it nobody can read.
import { queryOf } from '@inorder/contracts/paths.ts'
import type { ServiceName } from '@inorder/contracts/service-names.ts'
import type { OrderVersion, VersionRange } from '@inorder/contracts/timeline.ts'
import type { ParkedDetail } from '@inorder/messaging/inbox/ops.ts'
import type { Ask, Lacking, ServiceFacts } from './facts.ts'
import { versionOf } from './facts-of-service.ts'

const mostVersions = 1_000
const mostLacking = 10

/** The newest, the oldest of them first. */
export async function versionsOf(ask: Ask, id: string): Promise<OrderVersion[]> {
  const page = async (after?: number) => {
    const answer = await ask('order', `/orders/${id}/versions${queryOf({ limit: mostVersions, after })}`)
    return answer.reachable && answer.status === 200
      ? (answer.body as { items: OrderVersion[]; next: string | null })
      : undefined
  }
  const first = await page()
  if (!first?.next) return first?.items ?? []
  const details = await ask('order', `/order-details?orderId=${id}`)
  return (await page(versionOf(details) - mostVersions))?.items ?? first.items
}

/** Also those that the history of the order service lacks between two that it has. */
export function withGaps(skipped: VersionRange[], versions: readonly OrderVersion[]): VersionRange[] {
  const gaps = versions.flatMap(({ version }, n): VersionRange[] => {
    const from = (versions[n - 1]?.version ?? version) + 1
    const isTold = skipped.some((range) => range.from < version && range.to >= from)
    return from < version && !isTold ? [{ from, to: version - 1 }] : []
  })
  return [...skipped, ...gaps]
}

export async function lackingOf(ask: Ask, lines: readonly { itemId: string; quantity: number }[]): Promise<Lacking[]> {
  const all = await Promise.all(
    lines.slice(0, mostLacking).map(async ({ itemId, quantity }) => {
      const path = `/stock/${encodeURIComponent(itemId)}`
      const answer = await ask('inventory', path)
      if (!answer.reachable || (answer.status !== 200 && answer.status !== 404)) return []
      // An item whose stock was never set is not there.
      const { available = 0, onHand = null } = Object(answer.status === 200 && answer.body) as Partial<Lacking>
      return [{ itemId, quantity, available, onHand, url: `${answer.address ?? ''}${path}` }]
    }),
  )
  return all.flat().filter(({ quantity, available }) => available < quantity)
}

/** Of these only some schema could be missing. */
const unread = ['undecodable', 'unknown-schema']
const mostBytes = 16

export async function unreadBytesOf(ask: Ask, id: string, of: Readonly<Record<string, { facts: ServiceFacts }>>) {
  const holders = Object.entries(of).flatMap(
    ([
      service,
      {
        facts: { parked },
      },
    ]) =>
      parked
        .filter(({ state, cause }) => state === 'head' && unread.includes(cause))
        .map(({ event }) => ({ service, event })),
  )
  const [holder] = holders
  if (!holder) return null
  const answer = await ask(holder.service as ServiceName, `/ops/parked/${id}`)
  const { events = [] } = Object(answer.reachable && answer.body) as Partial<ParkedDetail>
  const bytes = events.find(({ event }) => event === holder.event)?.bytes
  if (!bytes) return null
  const first = Buffer.from(bytes, 'base64').subarray(0, mostBytes)
  const hex = first.toString('hex').replaceAll(/(..)(?=.)/g, '$1 ')
  return `${hex} ("${first.toString('latin1').replaceAll(/[^ -~]/g, '.')}")`
}
