// Load on the cart: new orders, or changes of some that are changed much oftener than others.
import { randomUUID } from 'node:crypto'
import { type Add, decimal, integer } from '../command.ts'
import type { Context } from '../context.ts'
import { exitCodes, Failure } from '../failure.ts'
import { type Progress, runLoad, type Send, type Summary } from '../load/run.ts'
import { cartCalls } from '../load/sender.ts'
import { zipf } from '../load/zipf.ts'
import { pairs, table } from '../text.ts'

interface LoadOptions {
  rate?: number
  clients?: number
  seconds?: number
  keys?: number
  zipf?: number
}

export function addLoad(add: Add): void {
  add<LoadOptions>(
    'load',
    'create orders, or change some, at a rate or as fast as clients are answered, and say how long that took',
    ['load --rate=500 --seconds=30', 'load --clients=64', 'load --rate=500 --keys=1000 --zipf=1.1 --json'],
    async (context, _, options) => {
      const { rate, keys, seconds = 10, zipf: exponent } = options
      if (exponent !== undefined && keys === undefined)
        throw new Failure('--zipf says how often each of --keys comes up')
      const clients = options.clients ?? (rate === undefined ? 64 : 256)
      const run = `load-${randomUUID().slice(0, 8)}`
      await context.mayWrite(
        `${rate ? `${rate} writes a second` : 'as many writes as it takes'} for ${seconds} s`,
        'cart',
      )
      const call = cartCalls(context.addresses.cart[0], context.authorization, clients)
      const create: Send = (n) => call('POST', '/create-order', { orderId: `${run}-${n}`, itemsNum: 3 })
      let send = create
      if (keys !== undefined) {
        const made = await runLoad(
          create,
          { amount: keys, seconds: 600, clients: 64 },
          context.signal,
          bar(context, 'making orders'),
        )
        if (!Object.keys(made.answers).some(isDone)) throw new Failure(`no order could be made: ${answersText(made)}`)
        const draw = zipf(keys, exponent ?? 0, Math.random)
        send = (n) => call('PUT', '/update-order', { orderId: `${run}-${draw()}`, status: `load ${n}` })
      }
      const summary = await runLoad(send, { rate, seconds, clients }, context.signal, bar(context, run))
      context.progress('')
      if (context.json) context.answer({ run, asked: { rate, clients, seconds, keys, zipf: exponent }, ...summary })
      else context.print(...summaryLines(run, rate, summary))
      return Object.keys(summary.answers).some(isDone) ? exitCodes.done : exitCodes.failed
    },
  )
    .option(
      '--rate <n>',
      'requests a second, each due at its time; without it clients wait for their answers',
      decimal(0.1, 100_000),
    )
    .option('--clients <n>', 'requests under way at most (64; with --rate 256)', integer(1, 4096))
    .option('--seconds <n>', 'how long (10)', decimal(0.1, 86_400))
    .option('--keys <n>', 'make so many orders first, and then change these', integer(1, 1_000_000))
    .option(
      '--zipf <exponent>',
      'the first of them much oftener than the last: 1 is usual (0: all equally)',
      decimal(0, 10),
    )
}

const isDone = (status: string) => status.startsWith('2')

function bar(context: Context, title: string): (progress: Progress) => void {
  const width = 30
  return ({ share, sent, seconds }) => {
    const full = Math.round(share * width)
    const rate = seconds > 0 ? Math.round(sent / seconds) : 0
    context.progress(`${title} [${'#'.repeat(full)}${'.'.repeat(width - full)}] ${sent} sent, ${rate}/s`)
  }
}

const answersText = ({ answers }: Summary): string =>
  Object.entries(answers)
    .map(([status, n]) => `${n} x ${status === '0' ? 'no answer' : status}`)
    .join(', ')

function summaryLines(run: string, rate: number | undefined, summary: Summary): string[] {
  const { seconds, sent, notSent, perSecond, latency } = summary
  const from = rate === undefined ? 'the sending' : 'when each was due'
  const { p50, p90, p99, p999, max } = latency
  return [
    ...pairs([
      ['orders', `${run}-0 and on`],
      [
        'sent',
        `${sent} in ${seconds.toFixed(1)} s, ${perSecond.toFixed(1)} a second${rate ? ` of ${rate} asked for` : ''}`,
      ],
      ['answers', answersText(summary)],
      ...(notSent > 0 ? [['not sent', `${notSent}: every client was waiting (--clients)`] as const] : []),
    ]),
    '',
    ...table(
      [`LATENCY FROM ${from.toUpperCase()}`, 'MEDIAN', '90 %', '99 %', '99.9 %', 'LONGEST'],
      [['ms', ...[p50, p90, p99, p999, max].map((ms) => ms.toFixed(2))]],
    ),
  ]
}
