// What is held is tried again: of one order in every service, or all of a cause.
import { type Kind, servicesWith } from '@inorder/contracts/needs.ts'
import { quoted } from '@inorder/contracts/shell.ts'
import { Option } from 'commander'
import type { Service } from '../addresses.ts'
import { part } from '../ask.ts'
import { type Add, integer, type KeyOptions, keyAnd, keyOption, serviceOption } from '../command.ts'
import type { Context } from '../context.ts'
import { type ExitCode, exitCodes, Failure, Refused } from '../failure.ts'
import { count, shown, table } from '../text.ts'
import { exitOfJob, followed, type Job, jobLines } from './jobs.ts'

type Redriven = Exclude<Kind, 'orders'>
const redriven: readonly Redriven[] = ['events', 'effects', 'set-aside']
export const whatOption = (about: string) => new Option('--what <kind>', about).choices(redriven)

/** It answers when all is done, in steps of 500 events. */
export const deadlineMs = 120_000

interface RedriveOptions extends KeyOptions {
  service?: Service
  what?: Redriven
  cause?: string
  all?: boolean
  dryRun?: boolean
  rate?: number
  canary?: boolean
  stopAfter?: number
  /** Of --no-wait. */
  wait: boolean
}

export function addRedrive(add: Add): void {
  add<RedriveOptions>(
    'redrive [order]',
    'try again, in order, what is held up: of one order everywhere, or all orders that a cause holds up',
    [
      'redrive o-1',
      'redrive --service=billing --dry-run -- -x',
      'redrive --service=billing --cause=constraint --canary --rate=200',
      'redrive --service=billing --what=effects --cause=status-401',
    ],
    async (context, args, options) => {
      const [key, more] = keyAnd(args, options)
      const { cause, all, service, what = 'events' } = options
      if (more !== undefined || [key, cause, all].filter((one) => one !== undefined).length !== 1)
        throw new Failure('what is to be tried again? Name one order, or --cause, or --all')
      if (key !== undefined) return ofOrder(context, key, options)
      if (service === undefined || !servicesWith[what].includes(service))
        throw new Failure(`in which service? --service=${servicesWith[what].join(' or ')}`)
      if (!options.dryRun) await context.mayWrite(`redrive in the ${service} service`, service)
      if (what === 'events') return asJob(context, service, options)
      if (cause === undefined) throw new Failure(`of ${what}, name the cause: --cause`)
      return ofCause(context, service, what, cause, options.dryRun ?? false)
    },
  )
    .addOption(keyOption())
    .addOption(serviceOption('one service (of one order: all are asked)'))
    .addOption(whatOption('one kind alone (of one order: all; else events)'))
    .option('--cause <cause>', 'all orders that this holds up')
    .option('--all', 'all orders that are held up')
    .option('--dry-run', 'say what would happen, and change nothing')
    .option('--rate <n>', 'of events of many orders: orders a second', integer(1, 1000))
    .option('--canary', '... 1 order, then 10, 100, ...: the next step only if none has failed')
    .option('--stop-after <n>', '... stop after so many failures', integer(1, 1_000_000_000))
    .option('--no-wait', '... begin it, and do not wait for its end')
}

interface Foreseen {
  event: string
  version: number | null
  becomes: string
  cause: string | null
  detail: string | null
}
interface Events {
  applied: number
  remaining: number
  stoppedAt?: string
  events?: Foreseen[]
}
interface Effects {
  effects: { effect: string; kind: string; state: string; cause: string | null; detail: string | null }[]
}
interface SetAside {
  totals: { events: number; redriven: number; failed: number }
}
/** What one service said of one kind. */
type Told = { service: Service } & (
  | { what: 'events'; body: Events }
  | { what: 'effects'; body: Effects }
  | { what: 'set-aside'; body: SetAside }
)

async function ofOrder(context: Context, key: string, options: RedriveOptions): Promise<ExitCode> {
  const { dryRun = false } = options
  const asked = redriven
    .filter((what) => options.what === undefined || options.what === what)
    .flatMap((what) => servicesWith[what].map((service) => ({ what, service })))
    .filter(({ service }) => options.service === undefined || options.service === service)
  if (!dryRun) await context.mayWrite(`redrive ${shown(key)}`, ...asked.map(({ service }) => service))
  const answers = await Promise.allSettled(asked.map((one) => redriveOne(context, key, dryRun, one)))
  const told = answers.flatMap((answer) => (answer.status === 'fulfilled' && answer.value ? [answer.value] : []))
  const failed = answers.find((answer) => answer.status === 'rejected')
  if (context.json) context.answer({ key, dryRun, done: told })
  else context.print(...told.flatMap((one) => toldLines(one, key, dryRun, context)))
  if (failed) throw failed.reason
  if (told.length > 0) return told.some(isStillHeld) ? exitCodes.needsSomeone : exitCodes.done
  throw new Failure(`nothing of ${key} is parked, failing or set aside`, {
    code: exitCodes.notThere,
    advice: ['inorder why says where it stands.'],
  })
}

/** Undefined: there is nothing to do. A dry run of an effect is a look at it. */
async function redriveOne(
  { ask }: Context,
  key: string,
  dryRun: boolean,
  { what, service }: { what: Redriven; service: Service },
): Promise<Told | undefined> {
  const path = { events: 'parked', effects: 'effects', 'set-aside': 'set-aside' }[what]
  try {
    if (what === 'effects') {
      const call = dryRun ? {} : { method: 'POST' as const, deadlineMs }
      const { body } = await ask<Effects>(service, `/ops/${path}/${part(key)}${dryRun ? '' : '/redrive'}`, call)
      return body.effects.length === 0 ? undefined : { service, what, body }
    }
    const { body } = await ask<never>(service, `/ops/${path}/${part(key)}/redrive`, {
      method: 'POST',
      body: { dryRun },
      deadlineMs,
    })
    return { service, what, body }
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return undefined
    throw error
  }
}

/** An effect is tried in the background: whether it succeeds is not known yet. */
const isStillHeld = (told: Told): boolean =>
  told.what === 'events' ? told.body.remaining > 0 : told.what === 'set-aside' && told.body.totals.failed > 0

function toldLines(told: Told, key: string, dryRun: boolean, { paste }: Context): string[] {
  const { service } = told
  if (told.what === 'events') {
    const { applied, remaining, stoppedAt, events = [] } = told.body
    const stopped = stoppedAt === undefined ? '' : `, stopped at ${shown(stoppedAt)}`
    const rows = events.map((e) => [e.event, e.version, e.becomes, e.cause, e.detail])
    return [
      `${service}: ${count(applied, 'event')} ${dryRun ? 'would be applied' : 'applied'}, ${remaining} still parked${stopped}`,
      ...(rows.length === 0 ? [] : table(['EVENT', 'VERSION', 'BECOMES', 'CAUSE', 'DETAIL'], rows)),
    ]
  }
  if (told.what === 'effects') {
    if (!dryRun) {
      const kinds = told.body.effects.map(({ kind }) => `the ${shown(kind)}`).join(', then ')
      return [`${service}: tried again now: ${kinds}. How it went: ${paste(`inorder why -- ${quoted(key)}`)}`]
    }
    const rows = told.body.effects.map((e) => [e.kind, e.state, e.cause, e.effect, e.detail])
    return [
      `${service}: would be tried again now, one after the other:`,
      ...table(['EFFECT OF', 'STATE', 'CAUSE', 'EFFECT', 'DETAIL'], rows),
    ]
  }
  const { redriven, failed } = told.body.totals
  return [
    `${service}: ${count(redriven, 'event')} set aside ${dryRun ? 'would be' : 'is'} published again${failed ? `, ${failed} failed` : ''}`,
  ]
}

async function asJob(context: Context, service: Service, options: RedriveOptions): Promise<ExitCode> {
  const { cause, dryRun, canary, rate, stopAfter } = options
  const filter = cause === undefined ? {} : { cause }
  const asked = { type: 'redrive', filter, dryRun, canary, ratePerSecond: rate, stopAfterFailures: stopAfter }
  const { body: begun } = await context.ask<Job>(service, '/ops/jobs', { method: 'POST', body: asked })
  const job = options.wait ? await followed(context, service, begun) : begun
  if (context.json) context.answer(job)
  else context.print(...jobLines(service, job, context))
  if (job.state === 'running')
    context.print(
      ...(context.json ? [] : [`  it goes on: ${context.paste(`inorder jobs ${job.id} --service=${service}`)}`]),
    )
  return exitOfJob(job)
}

interface All {
  items: { key: string; error?: string }[]
  next: string | null
  totals: Record<string, number>
}

/** Effects, or events set aside: 1,000 in a call. */
async function ofCause(
  context: Context,
  service: Service,
  what: 'effects' | 'set-aside',
  cause: string,
  dryRun: boolean,
) {
  const totals: Record<string, number> = {}
  const failed: All['items'] = []
  for (let after: string | undefined, more = true; more; ) {
    const body = { cause, dryRun, after }
    const answer = await context.ask<All>(service, `/ops/${what}/redrive`, { method: 'POST', body, deadlineMs })
    for (const [name, n] of Object.entries(answer.body.totals)) totals[name] = (totals[name] ?? 0) + n
    failed.push(...answer.body.items.filter(({ error }) => error !== undefined))
    context.progress(`${service}: ${JSON.stringify(totals)}`)
    more = answer.body.next !== null
    after = answer.body.next ?? undefined
  }
  context.progress('')
  if (context.json) context.answer({ service, what, cause, dryRun, totals, failed })
  else {
    const said = Object.entries(totals).map(([name, n]) => `${n} ${name}`)
    context.print(`${service}: ${said.join(', ')}${dryRun ? ' (dry run)' : ''}`)
    if (failed.length > 0)
      context.print(
        ...table(
          ['ORDER', 'ERROR'],
          failed.map(({ key, error }) => [key, error]),
        ),
      )
  }
  return failed.length > 0 ? exitCodes.needsSomeone : exitCodes.done
}
