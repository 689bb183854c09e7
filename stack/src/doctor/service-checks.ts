// Whether each process of the stack answers: whatever stands around one that hangs is as it should be.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { answerOf, answersOk } from '../network.ts'
import { logOf } from '../part.ts'
import { type Check, right, wrong } from './finding.ts'

/** A process of ours. */
export interface PatientProcess {
  name: string
  /** Undefined: it has ended, and is not there at the moment. */
  url?: string | undefined
  /** Of one that `npm start` has started, which starts it again when it ends. */
  pid?: number | undefined
  log?: string | undefined
}

export interface ProcessView extends PatientProcess {
  answer: boolean | Error
}

/** A part that `npm start` has started, and starts again when it ends. */
export type OwnPart = Pick<PatientProcess, 'name'> & { pid: number; log: string }

/** What to do where parts of ours do not answer; undefined where they are somebody else's. */
export const whereOurs = (parts: readonly OwnPart[]): string | undefined =>
  parts
    .flatMap(({ name, pid, log }) => [
      `tail -n 20 ${log}`,
      `kill -9 ${pid}   # where ${name} hangs: npm start starts it again at once`,
    ])
    .join('\n') || undefined

/** Of a consumer: its partitions that stand still, as `/health/ready` names them. */
export type Standing = Pick<PatientProcess, 'log'> & { standing: readonly string[] }

export async function readProcess(one: PatientProcess): Promise<ProcessView> {
  const { url } = one
  const answer =
    url === undefined
      ? false
      : await overTls(url, (base) => answersOk(`${base}/health/live`)).catch((error: Error) => error)
  return { ...one, answer }
}

export async function readStanding({ url, log }: PatientProcess): Promise<Standing> {
  if (url === undefined) throw new Error('it does not run now')
  const answer = await overTls(url, (base) => answerOf(`${base}/health/ready`))
  const { missing = [] } = (await json(answer)) as { missing?: string[] }
  return { log, standing: missing.filter((part) => /^(partition|records) /.test(part)) }
}

/** An answer that is cut off is one of TLS to who does not speak it. */
function overTls<T>(url: string, ask: (url: string) => Promise<T>): Promise<T> {
  return ask(url).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ECONNRESET' || !url.startsWith('http:')) throw error
    return ask(url.replace('http:', 'https:'))
  })
}

/** Those of the stack that have ended and do not run now: they have written to their logs since it was started. */
export function endedSince(data: string, names: readonly string[]): PatientProcess[] {
  const timeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs
  const begun = timeOf(join(data, 'starter.lock'))
  return names.flatMap((name) => {
    const log = logOf(data, name)
    return begun !== undefined && (timeOf(log) ?? 0) > begun ? [{ name, log }] : []
  })
}

export const serviceAnswers: Check<ProcessView> = {
  id: 'service-answers',
  title: 'its process answers',
  why: 'One that hangs does nothing of its work, and is started again by nobody.',
  judge({ name, url, pid, log, answer }) {
    if (answer === true) return right(url ?? '')
    const mend = [
      ...(log === undefined ? [`start it again, or mend ${name.toUpperCase()}_URL`] : [`tail -n 20 ${log}`]),
      ...(pid === undefined ? [] : [`kill -9 ${pid}   # npm start starts it again at once`]),
      'docs/runbooks/down.md says what to look for',
    ].join('\n')
    if (url === undefined) return wrong('it ends again and again, and does not run now', mend)
    const process = pid === undefined ? '' : `; its process is ${pid}`
    return wrong(`${url}: ${whyOf(answer)}${process}`, mend)
  },
}

export const partitionsGoOn: Check<Standing> = {
  id: 'service-partitions',
  title: 'none of its partitions stands still',
  why: 'Nothing of the orders of a partition that stands still reaches this service.',
  judge({ standing, log = 'its log' }) {
    if (standing.length === 0) return right('none does')
    const pages = [
      ...new Set(
        standing.map((part) => `docs/runbooks/${part.startsWith('records') ? 'records-lost' : 'inbox-stalled'}.md`),
      ),
    ]
    const mend = `grep -h -e inbox-stalled -e inbox-records-lost ${log} | tail -n 5   # names the cause`
    return wrong(standing.join(', '), `${mend}\n${pages.join(', ')}: what to do about it`)
  },
}

function whyOf(answer: false | Error): string {
  if (answer === false) return '/health/live is not answered with 200'
  if (answer.name === 'AbortError' || answer.name === 'TimeoutError') return 'no answer within 2 s'
  return (answer as NodeJS.ErrnoException).code ?? answer.message
}
