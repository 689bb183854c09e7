// Whether each process of the stack answers: whatever stands around one that hangs is as it should be.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { answersOk } from '../network.ts'
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

/** Undefined for what does not run. An answer that is cut off is one of TLS to who does not speak it. */
export async function readProcess(one: PatientProcess): Promise<ProcessView> {
  const ask = (url: string) => answersOk(`${url}/health/live`)
  const overTls = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ECONNRESET' || !one.url?.startsWith('http:')) throw error
    return ask(one.url.replace('http:', 'https:'))
  }
  const answer =
    one.url === undefined
      ? false
      : await ask(one.url)
          .catch(overTls)
          .catch((error: Error) => error)
  return { ...one, answer }
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

function whyOf(answer: false | Error): string {
  if (answer === false) return '/health/live is not answered with 200'
  if (answer.name === 'AbortError' || answer.name === 'TimeoutError') return 'no answer within 2 s'
  return (answer as NodeJS.ErrnoException).code ?? answer.message
}
