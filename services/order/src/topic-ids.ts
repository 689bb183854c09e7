// The answer of getAllOrderIdsFromTopic: made piece by piece while it is sent, so that a million ids need no memory.
import type { TopicKeys } from '@inorder/messaging/inbox/topic-keys.ts'
import type { Logger } from 'pino'

interface TopicIdsOptions {
  topic: string
  ids: TopicKeys
  logger: Logger
  /** Asked before the ids are, so that what is read is in them. */
  upToDate: boolean
  /** Where it starts and ends; both are numbers of the list. */
  after: number
  extent: { count: number; last: number; more: boolean }
  /** A page names where the next one starts. */
  paged: boolean
}

const idsPerLine = 1_000

/** The JSON text. When the database goes away on the way it throws, and the reader must not take it for whole. */
export async function* topicIdsJson(options: TopicIdsOptions): AsyncGenerator<string> {
  const { topic, ids, logger, upToDate, after, extent, paged } = options
  const { count, last, more } = extent
  yield `{"topic":${JSON.stringify(topic)},"count":${count},"orderIds":[`
  let page = ''
  let first: string | undefined
  for await (page of ids.pages(after, last)) {
    if (first !== undefined) yield ','
    yield page
    first ??= idsOf(page)[0]
    if (logger.isLevelEnabled('debug')) printIds(options, idsOf(page))
  }
  const lastId = idsOf(page).at(-1)
  const next = paged ? `,"next":${JSON.stringify(more ? lastId : null)}` : ''
  yield `],"upToDate":${upToDate}${next}}`
  logger.info({ topic, count, first, last: lastId, upToDate }, 'all order ids from topic')
}

const idsOf = (page: string): string[] => JSON.parse(`[${page}]`)

function printIds({ topic, logger }: TopicIdsOptions, orderIds: string[]): void {
  for (let from = 0; from < orderIds.length; from += idsPerLine) {
    logger.debug({ topic, orderIds: orderIds.slice(from, from + idsPerLine) }, 'order ids from topic')
  }
}
