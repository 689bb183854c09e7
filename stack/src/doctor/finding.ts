/** `unknown`: it could not be checked. */
export type Verdict = 'right' | 'wrong' | 'unknown'

export interface Opinion {
  verdict: Verdict
  /** What was seen, or why nothing was. */
  found: string
  /** The command that mends it, or lets it be checked. */
  mend?: string | undefined
}

/** Looks at what was read, and asks nobody. `id` is stable: docs/operations.md lists it. */
export interface Check<Facts> {
  id: string
  title: string
  /** Why it matters, in one sentence. */
  why: string
  judge(facts: Facts): Opinion
}

export interface Finding extends Opinion {
  id: string
  /** The topic, the service or the part that was checked. */
  about: string
  title: string
  why: string
}

export const right = (found: string): Opinion => ({ verdict: 'right', found })
export const wrong = (found: string, mend: string): Opinion => ({ verdict: 'wrong', found, mend })
export const unknown = (found: string, mend?: string): Opinion => ({ verdict: 'unknown', found, mend })

/** An error instead of the facts: none of it could be checked. */
export const findingsOf = <Facts>(about: string, checks: readonly Check<Facts>[], facts: Facts | Error): Finding[] =>
  checks.map(({ id, title, why, judge }) => ({
    ...{ id, about, title, why },
    ...(facts instanceof Error ? unknown(facts.message) : judge(facts)),
  }))
