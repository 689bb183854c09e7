// One order's way through all services, and why it stands where it does: as the console knows it.
import type { Timeline, Verdict, VerdictState } from '@inorder/contracts/timeline.ts'
import { part } from '../ask.ts'
import { type Add, type KeyOptions, keyOption, orderOf } from '../command.ts'
import type { Context } from '../context.ts'
import { type ExitCode, exitCodes } from '../failure.ts'
import { shown, table, when } from '../text.ts'

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

export const timelineOf = async ({ ask }: Context, orderId: string): Promise<Timeline> =>
  (await ask<Timeline>('console', `/timeline/${part(orderId)}`)).body

/** Of a state of another release nothing is known. */
export const exitOf = ({ state }: Verdict): ExitCode => codeOf[state] ?? exitCodes.undetermined

export function verdictLines(verdict: Verdict, { paint, now, paste }: Context): string[] {
  const { state, cause, service, since, sentence, event, next } = verdict
  return [
    `${paint([colours[state] ?? 'magenta', 'bold'], shown(state))}: ${shown(sentence)}`,
    ...(cause === 'none' ? [] : [`  cause: ${shown(cause)}${service === null ? '' : `, in ${shown(service)}`}`]),
    ...(since === null ? [] : [`  since: ${when(since, now())}`]),
    ...(event === undefined ? [] : [`  event: ${shown(event)}`]),
    ...(next.length === 0 ? [] : ['', 'What can help now:']),
    ...next.flatMap(({ command, explains }) => [`  ${paste(command)}`, `      ${shown(explains)}`]),
  ]
}

export function timelineLines(timeline: Timeline, context: Context): string[] {
  const { orderId, versions, services, outbox, verdict } = timeline
  const now = context.now()
  const titled = (title: string, lines: string[]) => ['', context.paint('bold', title), ...lines]
  return [
    context.paint('bold', shown(orderId)),
    ...titled(
      'Versions',
      table(
        ['VERSION', 'STATUS', 'ACCEPTED', 'APPLIED AFTER', 'BY', 'TRACE'],
        versions.map((v) => [
          v.version,
          v.status,
          when(v.occurredAt, now),
          `${Date.parse(v.appliedAt) - Date.parse(v.occurredAt)} ms`,
          v.actor,
          v.traceId,
        ]),
      ),
    ),
    ...titled(
      'Services',
      table(
        ['SERVICE', 'VERSION', 'STATUS', 'APPLIED', 'PARKED', 'TO DO', 'DONE'],
        Object.entries(services).map(([name, s]) => {
          if (!s.reachable) return [name, null, 'does not answer', null, null, null, null]
          const done = s.effects.filter(({ state }) => state === 'done').length
          const toDo = s.effects.length - done
          return [name, s.appliedVersion, s.status, when(s.appliedAt, now), s.parked.length, toDo, done]
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
