// What ends a command otherwise than with an answer: why, what to do about it, and the exit code.
import { readFileSync } from 'node:fs'

export const exitCodes = { done: 0, failed: 1, needsSomeone: 2, notThere: 3, undetermined: 4 } as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

export class Failure extends Error {
  readonly code: ExitCode
  /** What to do about it, a line each. */
  readonly advice: readonly string[]
  /** For `--json`. */
  readonly document: object

  constructor(
    message: string,
    options: { code?: ExitCode; advice?: readonly string[]; document?: object; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = options.code ?? exitCodes.failed
    this.advice = options.advice ?? []
    this.document = options.document ?? { title: message, advice: this.advice }
  }
}

/** RFC 9457, as a service answers it. */
export interface ProblemDocument {
  type?: string
  title?: string
  status?: number
  detail?: string
  requestId?: string
  errors?: { field: string; message: string }[]
}

const notThere = new Set([
  'order-not-found',
  'nothing-parked',
  'nothing-set-aside',
  'nothing-held',
  'job-not-found',
  'topic-not-consumed',
])

/** A service has answered, and did not do it. */
export class Refused extends Failure {
  /** Of the table of problems; empty where something else than a service has answered. */
  readonly problem: string
  readonly status: number

  constructor(call: string, status: number, document: ProblemDocument | undefined, retryAfter: string | null) {
    const problem = /^\/problems\/([a-z-]+)$/.exec(document?.type ?? '')?.[1] ?? ''
    const said = [document?.title, document?.detail].filter(Boolean).join(': ')
    super(problem ? said : `${call} was answered ${status}, and not by a service of inorder: look at its address`, {
      code: notThere.has(problem) ? exitCodes.notThere : exitCodes.failed,
      advice: [
        ...(document?.errors ?? []).map(({ field, message }) => `${field}: ${message}`),
        ...(problem ? whatToDo(problem) : []),
        ...(retryAfter ? [`It can be tried again in ${retryAfter} s.`] : []),
        `${call}${document?.requestId ? `, request ${document.requestId}` : ''}`,
      ],
      document: { ...document, status, call },
    })
    this.problem = problem
    this.status = status
  }
}

/** Of the problem's page, which is part of the repository. */
function whatToDo(problem: string): string[] {
  try {
    const page = readFileSync(new URL(`../../../docs/problems/${problem}.md`, import.meta.url), 'utf8')
    return [/\*\*What to do:\*\* (.*)/.exec(page)?.[1] ?? []].flat()
  } catch {
    return []
  }
}
