// What an operator stops for a while, and has go on again: an order, a whole service, its effects.
import { consumers, type Service } from '../addresses.ts'
import { type Add, type KeyOptions, keyAnd, keyOption, serviceOption } from '../command.ts'
import type { Context } from '../context.ts'
import { Failure } from '../failure.ts'
import { shown, table, utc, when } from '../text.ts'

interface PauseOptions extends KeyOptions {
  service?: Service
  inbox?: boolean
  effects?: boolean
  kind?: string
  until?: string
  reason?: string
}

export interface Pause {
  what: string
  kind: string | null
  key: string | null
  since: string
  until: string | null
  reason: string | null
  operator: string
}

/** A pause waits up to 20 s for what is under way. */
const deadlineMs = 30_000

export function addPauses(add: Add): void {
  const pause = add<PauseOptions>(
    'pause [order]',
    'stop applying the events of an order, or of a whole service, or performing its effects',
    [
      "pause o-1 --reason='the customer calls back'",
      'pause --service=order --inbox',
      "pause --service=billing --effects --kind=charge --until=30m --reason='gateway in maintenance'",
    ],
    async (context, args, options) => {
      const until = options.until === undefined ? undefined : untilOf(options.until, context.now())
      await each(context, 'pause', args, options, { until, reason: options.reason })
    },
  )
  targets(pause)
  pause.option('--until <time>', 'a UTC time, or 30s, 15m, 2h from now; without it: until it is resumed')
  pause.option('--reason <text>', 'why; it is shown where the pause is')

  const resume = add<PauseOptions>(
    'resume [order]',
    'go on with what is paused, in order',
    ['resume o-1', 'resume --service=order --inbox', 'resume --service=billing --effects --kind=charge'],
    async (context, args, options) => {
      await each(context, 'resume', args, options, { reason: options.reason })
    },
  )
  targets(resume)
  resume.option('--reason <text>', 'why; it is in the audit')
}

function targets(command: ReturnType<Add>): void {
  command
    .addOption(keyOption())
    .addOption(serviceOption('the service (of an order: all of them)', consumers))
    .option('--inbox', 'everything that the service applies')
    .option('--effects', "the service's slow effects")
    .option('--kind <kind>', 'of effects: charge, refund, label, ...')
}

async function each(
  context: Context,
  act: 'pause' | 'resume',
  args: readonly string[],
  options: PauseOptions,
  more: object,
): Promise<void> {
  const target = targetOf(args, options)
  const asked = options.service ? [options.service] : consumers
  if (target.what !== 'key' && asked.length > 1) throw new Failure('in which service? --service=order')
  await context.mayWrite(`${act} ${shown(target.key ?? target.what)}`, ...asked)
  const answers: ({ service: Service } & Pause)[] = []
  for (const service of asked) {
    const call = { method: 'POST' as const, body: { ...target, ...more }, deadlineMs }
    answers.push({ service, ...(await context.ask<Pause>(service, `/ops/${act}`, call)).body })
    if (!context.json)
      context.print(
        `${service}: ${shown(target.key ?? [target.what, target.kind].filter(Boolean).join(' '))} ${act === 'pause' ? 'is paused' : 'goes on'}`,
      )
  }
  if (context.json) context.answer({ items: answers })
}

function targetOf(args: readonly string[], options: PauseOptions): { what: string; key?: string; kind?: string } {
  const [key, more] = keyAnd(args, options)
  const { inbox, effects, kind } = options
  if (more !== undefined || [key, inbox, effects].filter((one) => one !== undefined).length !== 1)
    throw new Failure('name one order, or --inbox, or --effects')
  if (kind !== undefined && !effects) throw new Failure('--kind is for --effects')
  if (key !== undefined) return { what: 'key', key }
  return inbox ? { what: 'inbox' } : { what: 'effects', ...(kind !== undefined && { kind }) }
}

export function untilOf(text: string, now: number): string {
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (amount)
    return new Date(now + Number(amount) * { s: 1, m: 60, h: 3_600, d: 86_400 }[unit as 's']! * 1_000).toISOString()
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z$/.test(text) || Number.isNaN(Date.parse(text)))
    throw new Failure(`--until is ${text}: give a UTC time such as 2027-01-31T04:00:00Z, or 30s, 15m, 2h, 1d`)
  return new Date(text).toISOString()
}

export const pauseTable = (pauses: readonly ({ service: Service } & Pause)[], now: number): string[] =>
  table(
    ['SERVICE', 'PAUSED', 'SINCE', 'UNTIL', 'BY', 'REASON'],
    pauses.map((p) => [
      p.service,
      p.key ?? [p.what, p.kind].filter(Boolean).join(' '),
      when(p.since, now),
      p.until && utc(Date.parse(p.until)),
      p.operator,
      p.reason,
    ]),
  )
