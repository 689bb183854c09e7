// What is held up: which orders, why, and what is in the events of one of them.

import { type Kind, kinds } from '@inorder/contracts/needs.ts'
import { Option } from 'commander'
import { consumers, type Service, services } from '../addresses.ts'
import { part } from '../ask.ts'
import { type Add, integer, type KeyOptions, keyAnd, keyOption, serviceOption } from '../command.ts'
import type { Context } from '../context.ts'
import { exitCodes, Failure, Refused } from '../failure.ts'
import { groupsIn, heldIn } from '../held.ts'
import { ofEach, type Told } from '../services.ts'
import { count, shown, table, when } from '../text.ts'

interface ParkedOptions extends KeyOptions {
  service?: Service
  what?: Kind
  cause?: string
  groupBy?: 'cause'
  limit?: number
}

export function addParked(add: Add): void {
  add<ParkedOptions>(
    'parked [order]',
    'what is held up, and why: parked events, effects, events set aside, held orders; of one order each event',
    ['parked', 'parked --group-by=cause', 'parked --service=billing --cause=constraint', 'parked -- -x'],
    async (context, args, options) => {
      const [key, more] = keyAnd(args, options)
      if (more !== undefined) throw new Failure('one order at a time')
      if (key !== undefined) return ofOrder(context, key, options.service)
      await (options.groupBy ? grouped(context, options) : listed(context, options))
      return exitCodes.done
    },
  )
    .addOption(keyOption())
    .addOption(serviceOption('one service'))
    .addOption(new Option('--what <kind>', 'one kind alone').choices(kinds))
    .option('--cause <cause>', 'only what this holds up')
    .addOption(new Option('--group-by <field>', 'what holds how many orders up, since when').choices(['cause']))
    .option('--limit <n>', 'at most so many of each list (100)', integer(1, 1000))
}

async function listed(context: Context, { service, what, cause, limit = 100 }: ParkedOptions): Promise<void> {
  const found = await ofEach(service ? [service] : services, (one) => heldIn(context, one, { what, cause, limit }))
  const items = found.flatMap(({ value }) => value?.items ?? [])
  const more = found.some(({ value }) => value?.more)
  if (context.json) return context.answer({ items, more, failed: failures(found) })
  const now = context.now()
  const rows = items
    .toSorted((a, b) => Date.parse(a.since) - Date.parse(b.since))
    .map((held) => [
      held.service,
      held.failing ? `${held.what}, failing` : held.what,
      held.key,
      held.cause,
      held.count,
      when(held.since, now),
      held.event,
    ])
  if (rows.length === 0) context.print('Nothing is held up.')
  else context.print(...table(['SERVICE', 'WHAT', 'ORDER', 'CAUSE', 'COUNT', 'SINCE', 'EVENT'], rows))
  if (more) context.print('', 'There are more: --limit=1000, --group-by=cause.')
  throwFirst(found)
}

async function grouped(context: Context, { service, what, cause }: ParkedOptions): Promise<void> {
  const found = await ofEach(service ? [service] : services, (one) => groupsIn(context, one, what))
  const groups = found
    .flatMap(({ value }) => value?.items ?? [])
    .filter((group) => cause === undefined || group.cause === cause)
    .toSorted((a, b) => b.count - a.count)
  if (context.json)
    return context.answer({ groups, more: found.some(({ value }) => value?.more), failed: failures(found) })
  const now = context.now()
  const rows = groups.map((group) => [
    group.service,
    group.failing ? `${group.what}, failing` : group.what,
    group.cause,
    group.count,
    when(group.oldest, now),
    group.detail,
  ])
  if (rows.length === 0) context.print('Nothing is held up.')
  else context.print(...table(['SERVICE', 'WHAT', 'CAUSE', 'ORDERS', 'OLDEST', 'DETAIL'], rows))
  throwFirst(found)
}

const failures = (found: readonly Told<unknown>[]) =>
  Object.fromEntries(found.flatMap(({ service, failure }) => (failure ? [[service, failure.document]] : [])))

/** What was found is shown before it. */
function throwFirst(found: readonly Told<unknown>[]): void {
  const failure = found.find(({ failure }) => failure)?.failure
  if (failure) throw failure
}

interface State {
  key: string
  appliedVersion: number
  appliedAt: string | null
  events: ParkedEvent[]
  effects: Effect[]
}
interface ParkedEvent {
  event: string
  state: string
  cause: string
  detail: string
  version: number | null
  parkedAt: string
  attempts: number
  headers?: { name: string; value: string | null }[]
  /** In base64; null: there is no value, or it may not be seen. */
  bytes?: string | null
  decoded?: object | null
}
interface Effect {
  effect: string
  kind: string
  version: number
  state: string
  attempts: number
  cause: string | null
  detail: string | null
  createdAt: string
  parkedAt: string | null
}

/** The state of the key in a consumer, its events with what is in them. */
async function stateOf({ ask }: Context, service: Service, key: string): Promise<State | undefined> {
  try {
    const { body: told } = await ask<State>(service, `/ops/keys/${part(key)}`)
    const body = { ...told, effects: told.effects?.filter(({ state }) => state !== 'done') ?? [] }
    if (body.events.length === 0 || key === 'groups') return body
    const { body: detail } = await ask<State>(service, `/ops/parked/${part(key)}`)
    return { ...body, events: detail.events }
  } catch (error) {
    // It never came here, or what was parked has gone on between the two.
    if (error instanceof Refused && error.status === 404) return undefined
    throw error
  }
}

async function ofOrder(context: Context, key: string, service?: Service) {
  const asked = consumers.filter((one) => service === undefined || one === service)
  const found = await ofEach(asked, (one) => stateOf(context, one, key))
  const states = found.flatMap(({ service, value }) => (value ? [{ service, ...value }] : []))
  const held = states.filter(({ events, effects }) => events.length + effects.length > 0)
  throwFirst(found)
  if (context.json)
    context.answer({ key, services: Object.fromEntries(held.map(({ service, ...state }) => [service, state])) })
  else context.print(...held.flatMap((state) => stateLines(state, context)))
  if (held.length > 0) return exitCodes.done
  throw new Failure(`nothing of ${key} is parked, and no effect of it waits`, {
    code: exitCodes.notThere,
    advice: ['inorder why says where it stands.'],
  })
}

function stateLines(state: State & { service: Service }, context: Context): string[] {
  const { service, key, appliedVersion, events, effects } = state
  const now = context.now()
  const title = `${service}: ${key} is at version ${appliedVersion}; ${count(events.length, 'parked event')}, ${count(effects.length, 'effect')} to be done`
  const [head] = events
  return [
    context.paint('bold', shown(title)),
    ...(head === undefined
      ? []
      : table(
          ['STATE', 'VERSION', 'CAUSE', 'PARKED', 'ATTEMPTS', 'EVENT'],
          events.map((e) => [
            e.state,
            e.version,
            e.cause === e.state ? null : e.cause,
            when(e.parkedAt, now),
            e.attempts,
            e.event,
          ]),
        )),
    ...(head ? [`  detail: ${shown(head.detail)}`, ...recordLines(head)] : []),
    ...(effects.length === 0
      ? []
      : table(
          ['EFFECT OF', 'VERSION', 'STATE', 'CAUSE', 'SINCE', 'ATTEMPTS', 'EFFECT', 'DETAIL'],
          effects.map((e) => [
            e.kind,
            e.version,
            e.state,
            e.cause,
            when(e.parkedAt ?? e.createdAt, now),
            e.attempts,
            e.effect,
            e.detail,
          ]),
        )),
    '',
  ]
}

/** The record as it came. */
const recordLines = ({ headers = [], decoded, bytes }: ParkedEvent): string[] => [
  ...headers.map(({ name, value }) => `  ${shown(name)}: ${shown(value ?? '')}`),
  ...(decoded === undefined
    ? []
    : [`  event: ${decoded === null ? unreadable(bytes) : shown(JSON.stringify(decoded))}`]),
]

const mostBytes = 200

function unreadable(base64: string | null | undefined): string {
  if (!base64) return 'cannot be read'
  const bytes = Buffer.from(base64, 'base64')
  const first =
    bytes.length > mostBytes ? `its first ${mostBytes} bytes of ${bytes.length}` : `its ${count(bytes.length, 'byte')}`
  return `cannot be read; ${first}: ${shown(bytes.subarray(0, mostBytes).toString())}`
}
