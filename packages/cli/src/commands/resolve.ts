// What cannot go on as it is, and is decided by hand: an event is given up, an order of the cart is released.
import { type Kind, servicesWith } from '@inorder/contracts/needs.ts'
import type { Service } from '../addresses.ts'
import { part } from '../ask.ts'
import { type Add, integer, type KeyOptions, keyOption, orderOf, serviceOption } from '../command.ts'
import { exitCodes, Failure } from '../failure.ts'
import { count, shown } from '../text.ts'
import { deadlineMs, whatOption } from './redrive.ts'

interface DiscardOptions extends KeyOptions {
  service: Service
  event: string
  reason: string
  what?: Exclude<Kind, 'orders'>
  skipVersion?: boolean
  dropWaiting?: boolean
}

export function addResolve(add: Add): void {
  add<DiscardOptions>(
    'discard [order]',
    'give up one event of an order for good, and go on with what waits behind it',
    [
      "discard --service=billing --event=jJ0xVqYbR8aZxq0vYy0n5Q/3/17 --reason='a test' -- o-1",
      "discard --service=order --event=jJ0xVqYbR8aZxq0vYy0n5Q/3/18 --skip-version --reason='version 2 is lost' -- o-1",
      "discard --service=order --event=jJ0xVqYbR8aZxq0vYy0n5Q/3/19 --drop-waiting --reason='another program wrote it' -- o-1",
      "discard --service=billing --what=effects --event=7b0c8f0e-5a1e-4c55-9d5f-0f3a5a1c2b11:0 --reason='paid by hand' -- o-1",
    ],
    async (context, args, options) => {
      const key = orderOf(args, options)
      const { service, event, reason, what = 'events', skipVersion, dropWaiting } = options
      if (!servicesWith[what].includes(service)) throw new Failure(`${service} has no ${what}: name another service`)
      if ((skipVersion || dropWaiting) && what !== 'events')
        throw new Failure('--skip-version and --drop-waiting are for events')
      await context.mayWrite(`discard ${shown(event)} of ${shown(key)} in the ${service} service`, service)
      const path = what === 'events' ? 'parked' : what
      const body = what === 'effects' ? { effect: event, reason } : { event, reason, skipVersion, dropWaiting }
      const call = { method: 'POST' as const, body, deadlineMs }
      const answer = await context.ask<Answers>(service, `/ops/${path}/${part(key)}/discard`, call)
      if (context.json) context.answer(answer.body)
      else context.print(...lines(service, answer.body))
      return (answer.body.remaining ?? 0) > 0 ? exitCodes.needsSomeone : exitCodes.done
    },
  )
    .addOption(keyOption())
    .addOption(serviceOption('the service that holds it').makeOptionMandatory())
    .requiredOption('--event <event>', 'the event, or the effect, as `inorder parked` names it')
    .requiredOption('--reason <text>', 'why; it is in the audit')
    .addOption(whatOption('events (the default), effects or events set aside'))
    .option('--skip-version', 'go on without its version, or without the versions missing before it')
    .option('--drop-waiting', 'drop an event that waits for a version before it: one that another program wrote')

  add<KeyOptions & { reason: string; version?: number }>(
    'release [order]',
    'let an order go on that the cart holds, as what the log says of it',
    ["release --reason='versions 4 to 8 were never written' -- o-1"],
    async (context, args, options) => {
      const key = orderOf(args, options)
      await context.mayWrite(`release ${shown(key)}`, 'cart')
      const body = { reason: options.reason, version: options.version }
      const answer = await context.ask<{ version: number }>('cart', `/ops/held/${part(key)}/release`, {
        method: 'POST',
        body,
        deadlineMs,
      })
      if (context.json) context.answer(answer.body)
      else context.print(`cart: ${shown(key)} goes on behind version ${answer.body.version}`)
    },
  )
    .addOption(keyOption())
    .requiredOption('--reason <text>', 'why; it is in the audit')
    .option(
      '--version <n>',
      'go on behind this version (default: the newest in the log)',
      integer(0, Number.MAX_SAFE_INTEGER),
    )
}

/** Of an event, of an effect, of an event set aside. */
interface Answers {
  key: string
  applied?: number
  remaining?: number
  stoppedAt?: string
  skipped?: number[]
  effects?: unknown[]
  consequence?: string
}

function lines(
  service: Service,
  { key, applied = 0, remaining, stoppedAt, skipped = [], effects, consequence }: Answers,
): string[] {
  const done = `${service}: given up for ${shown(key)}`
  if (consequence !== undefined) return [done, `  ${shown(consequence)}`]
  if (effects) return [`${done}; ${count(effects.length, 'effect')} of it left to be done`]
  const stands = `${remaining} still parked${stoppedAt === undefined ? '' : `, stopped at ${shown(stoppedAt)}`}`
  if (skipped.length > 0)
    return [
      `${service}: ${shown(key)} goes on without ${skipped.length === 1 ? 'version' : 'versions'} ${skipped.join(', ')}; nothing was given up, ${count(applied, 'event')} applied, ${stands}`,
    ]
  return [`${done}; ${count(applied, 'event')} behind it applied, ${stands}`]
}
