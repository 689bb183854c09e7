// What changes, a line each, until Ctrl-C: of one order, or of all.
import { setTimeout as pause } from 'node:timers/promises'
import type { Timeline } from '@inorder/contracts/timeline.ts'
import { consumers, services } from '../addresses.ts'
import { type Add, decimal, type KeyOptions, keyAnd, keyOption } from '../command.ts'
import type { Context } from '../context.ts'
import { Failure } from '../failure.ts'
import { ofEach } from '../services.ts'
import { shown } from '../text.ts'
import { positionsOf, totalLag } from './lag.ts'
import { statusOf, tasksIn } from './status.ts'
import { timelineOf } from './timeline.ts'

export function addWatch(add: Add): void {
  add<KeyOptions & { every?: number }>(
    'watch [order]',
    'what changes, a line each, until Ctrl-C: of one order, or of all',
    ['watch o-1', 'watch', 'watch --every=10', 'watch --json -- -x'],
    async (context, args, options) => {
      const [orderId, more] = keyAnd(args, options)
      if (more !== undefined) throw new Failure('one order at a time')
      const look = orderId === undefined ? allOrders(context) : oneOrder(context, orderId)
      const everyMs = (options.every ?? (orderId === undefined ? 2 : 1)) * 1_000
      while (!context.signal.aborted) {
        await look().catch((error: unknown) => {
          if (!context.signal.aborted) throw error
        })
        await pause(everyMs, undefined, { signal: context.signal }).catch(() => {})
      }
    },
  )
    .addOption(keyOption())
    .option('--every <seconds>', 'how often to look (1; of all orders 2)', decimal(0.1, 3_600))
}

/** A line of JSON, or of text with its time, and its day where that is another. */
function tell(context: Context, body: object, text: string, at = new Date(context.now()).toISOString()): void {
  const isToday = at.slice(0, 10) === new Date(context.now()).toISOString().slice(0, 10)
  context.print(context.json ? JSON.stringify({ at, ...body }) : `${isToday ? at.slice(11, 23) : at}  ${shown(text)}`)
}

function oneOrder(context: Context, orderId: string): () => Promise<void> {
  let before: Map<string, string> | undefined
  return async () => {
    const timeline = await timelineOf(context, orderId)
    const seen = factsOf(timeline)
    const changed = [...seen].filter(([about, fact]) => (before ?? nothingYet).get(about) !== fact)
    // At first these are no changes: each is as old as it is.
    const times = before ? undefined : timesOf(timeline)
    for (const [about, fact] of changed) tell(context, { about, fact }, `${about}: ${fact}`, times?.get(about))
    before = seen
  }
}

const unsent = 'not in Kafka yet'
const nothingYet = new Map([[unsent, '0']])

function timesOf({ versions, services }: Timeline): Map<string, string> {
  const all = [
    ...versions.map(({ version, appliedAt }) => [aboutVersion(version), appliedAt] as const),
    ...Object.entries(services).map(([name, { appliedAt }]) => [name, appliedAt] as const),
  ]
  return new Map(all.filter((one): one is [string, string] => one[1] !== null))
}

const aboutVersion = (version: number) => `version ${version}`

/** What a line is told of when it changes, by what it is about. */
export function factsOf({ versions, services, outbox, verdict }: Timeline): Map<string, string> {
  const facts = versions.map(({ version, status }): [string, string] => [aboutVersion(version), status])
  for (const [name, { reachable, appliedVersion, status, parked, effects }] of Object.entries(services)) {
    const toDo = effects.filter(({ state }) => state !== 'done').length
    const waits = [parked.length ? `, ${parked.length} parked` : '', toDo ? `, effects to be done: ${toDo}` : '']
    const where = appliedVersion === null ? 'has nothing of it' : `at version ${appliedVersion}`
    const stands = status === null ? where : `${where}, ${status}`
    facts.push([name, reachable ? stands + waits.join('') : 'does not answer'])
  }
  facts.push([unsent, String(outbox.length)], ['verdict', `${verdict.state}: ${verdict.sentence}`])
  return new Map(facts)
}

function allOrders(context: Context): () => Promise<void> {
  let before: { at: number; read: number } | undefined
  let known = new Set<string>()
  return async () => {
    const at = context.now()
    const found = await ofEach(consumers, (service) => positionsOf(context, service))
    const order = found.find(({ service }) => service === 'order')?.value
    const read = order?.reduce((sum, { next }) => sum + next, 0)
    const perSecond = before && read !== undefined ? ((read - before.read) * 1_000) / Math.max(at - before.at, 1) : null
    if (read !== undefined) before = { at, read }
    const lags = Object.fromEntries(found.map(({ service, value }) => [service, value ? totalLag(value) : null]))
    const lagText = Object.entries(lags).map(([service, lag]) => `${service} ${lag ?? '?'}`)
    const rate = perSecond === null ? '' : `${perSecond.toFixed(perSecond < 10 ? 1 : 0)} events/s  `
    tell(context, { perSecond, lags }, `${rate}lag: ${lagText.join(', ')}`)
    const needs = tasksIn(await Promise.all(services.map((service) => statusOf(context, service))))
    const now = new Set(needs.map(({ services, sentence }) => `${services.join(', ')}: ${sentence}`))
    for (const need of now.difference(known)) tell(context, { needsSomeone: need }, `needs someone: ${need}`)
    for (const need of known.difference(now)) tell(context, { over: need }, `over: ${need}`)
    known = now
  }
}
