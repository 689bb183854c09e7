// One order's way through all services, and why it stands where it does: as the console knows it.
import { called } from '@inorder/contracts/service-names.ts'
import {
  effectCounts,
  historyOf,
  spanOf,
  stepsOf,
  type Timeline,
  type Verdict,
  type VerdictState,
} from '@inorder/contracts/timeline.ts'
import { part } from '../ask.ts'
import { type Add, type KeyOptions, keyOption, orderOf } from '../command.ts'
import type { Context } from '../context.ts'
import { type ExitCode, exitCodes } from '../failure.ts'
import { age, type Cell, shown, table, when } from '../text.ts'

const codeOf: Record<VerdictState, ExitCode> = {
  fine: exitCodes.done,
  moving: exitCodes.done,
  held: exitCodes.needsSomeone,
  waiting: exitCodes.needsSomeone,
  unknown: exitCodes.undetermined,
}
const colours = { fine: 'green', moving: 'cyan', held: 'red', waiting: 'yellow', unknown: 'magenta' } as const

export function addTimeline(add: Add): void {
  add<KeyOptions>(
    'why [order]',
    'why an order stands where it does, and what can help',
    ['why o-1', 'why -- -x', 'why --json o-1'],
    async (context, args, options) => {
      const { orderId, verdict } = await timelineOf(context, orderOf(args, options))
      if (context.json) context.answer({ orderId, ...verdict })
      else context.print(...verdictLines(verdict, context))
      return exitOf(verdict)
    },
  ).addOption(keyOption())

  add<KeyOptions>(
    'timeline [order]',
    'every version of an order, where each service is, and the verdict',
    ['timeline o-1', 'timeline --json -- -x'],
    async (context, args, options) => {
      const timeline = await timelineOf(context, orderOf(args, options))
      if (context.json) context.answer(timeline)
      else context.print(...timelineLines(timeline, context))
      return exitOf(timeline.verdict)
    },
  ).addOption(keyOption())
}

/** The console waits for the services. */
const deadlineMs = 10_000

export const timelineOf = async ({ ask }: Context, orderId: string): Promise<Timeline> =>
  (await ask<Timeline>('console', `/timeline/${part(orderId)}`, { deadlineMs })).body

/** Of a state of another release nothing is known. */
export const exitOf = ({ state }: Verdict): ExitCode => codeOf[state] ?? exitCodes.undetermined

export function verdictLines(verdict: Verdict, { paint, now, paste }: Context): string[] {
  const { state, cause, service, since, sentence, event, next } = verdict
  return [
    `${paint([colours[state] ?? 'magenta', 'bold'], shown(state))}: ${shown(sentence)}`,
    ...(cause === 'none'
      ? []
      : [`  cause: ${shown(cause)}${service === null ? '' : `, in ${shown(called(service))}`}`]),
    ...(since === null ? [] : [`  for:   ${age(now() - Date.parse(since))}`]),
    ...(event === undefined ? [] : [`  event: ${shown(event)}`]),
    ...(next.length === 0 ? [] : ['', 'What can help now:']),
    ...stepsOf(verdict).flatMap(({ commands, explains }) => [
      ...commands.map((command) => `  ${paste(command)}`),
      `      ${shown(explains)}`,
    ]),
  ]
}

export function timelineLines(timeline: Timeline, context: Context): string[] {
  const { orderId, services, outbox, verdict } = timeline
  const now = context.now()
  const titled = (title: string, lines: string[]) => ['', context.paint('bold', title), ...lines]
  return [
    context.paint('bold', shown(orderId)),
    ...titled('Versions', versionsTable(timeline, now)),
    ...titled(
      'Services',
      table(
        ['SERVICE', 'VERSION', 'STATUS', 'APPLIED', 'PARKED', 'EFFECTS'],
        Object.entries(services).map(([name, s]) => {
          if (!s.reachable) return [name, null, 'does not answer', null, null, null]
          const effects = effectCounts(s.effects).map(([what, count]) => `${count} ${what}`)
          return [name, s.appliedVersion, s.status, when(s.appliedAt, now), s.parked.length, effects.join(', ') || null]
        }),
      ),
    ),
    ...(outbox.length === 0
      ? []
      : titled(
          'Not in Kafka yet',
          table(
            ['SERVICE', 'VERSION', 'TOPIC', 'SINCE', 'SET ASIDE', 'EVENT'],
            outbox.map((row) => [
              row.service,
              row.version,
              row.topic,
              when(row.since, now),
              row.setAside ? (row.cause ?? 'yes') : 'no',
              row.event,
            ]),
          ),
        )),
    '',
    ...verdictLines(verdict, context),
  ]
}

/** Who made a change is known where callers are asked who they are. */
function versionsTable(timeline: Timeline, now: number): string[] {
  const { lines, isSignedIn } = historyOf(timeline)
  return table(
    ['VERSION', 'STATUS', 'ACCEPTED', 'APPLIED AFTER', ...(isSignedIn ? ['BY'] : []), 'TRACE'],
    lines.map(({ label, applied, isOfCart }): Cell[] => {
      if (!applied) return [label, 'skipped by hand', null, null, ...(isSignedIn ? [null] : []), null]
      const { status, occurredAt, appliedAt, actor, traceId } = applied
      const took = spanOf(Date.parse(appliedAt) - Date.parse(occurredAt))
      const accepted = isOfCart ? [when(occurredAt, now), took] : ['not by the cart', null]
      return [label, status, ...accepted, ...(isSignedIn ? [actor] : []), traceId]
    }),
  )
}
