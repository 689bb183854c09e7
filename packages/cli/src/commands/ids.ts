// Every order id ever received from a topic. A page at a time, so that a million of them need no memory here either.
import { queryOf } from '@inorder/contracts/paths.ts'
import { type Add, integer } from '../command.ts'
import { shown } from '../text.ts'

const pageSize = 10_000

interface Page {
  topic: string
  orderIds: string[]
  upToDate: boolean
  next?: string | null
}

export function addIds(add: Add): void {
  const ids = add<{ limit?: number; after?: string }>(
    'ids <topic>',
    'every order id ever received from a topic, an id a line, in order of first arrival',
    ['ids order-events', 'ids order-events --limit=100 --after=o-17', 'ids order-events | wc -l'],
    async (context, [topic = ''], { limit = Number.POSITIVE_INFINITY, after }) => {
      const all: string[] = []
      let left = limit
      let upToDate = false
      for (let next: string | null | undefined = after; next !== null && left > 0; ) {
        const path: string = `/getAllOrderIdsFromTopic${queryOf({ topic, limit: Math.min(left, pageSize), after: next })}`
        const { body }: { body: Page } = await context.ask<Page>('order', path, { deadlineMs: 30_000 })
        left -= body.orderIds.length
        upToDate = body.upToDate
        if (context.json) all.push(...body.orderIds)
        else context.print(...body.orderIds.map(shown))
        next = body.next ?? null
      }
      if (context.json) context.answer({ topic, count: all.length, orderIds: all, upToDate })
    },
  )
  ids.option('--limit <n>', 'at most so many', integer(1, 1_000_000_000))
  ids.option('--after <order>', 'only those that arrived after this one')
}
