import type { Finding, Verdict } from './finding.ts'

const marks: Record<Verdict, string> = { right: '✔', wrong: '✖', unknown: '?' }
const words: Record<Verdict, string> = { right: 'right', wrong: 'wrong', unknown: 'could not check' }

/** Something is wrong; nothing is, and something could not be checked; all is right. */
export const verdictOf = (findings: readonly Finding[]): Verdict =>
  (['wrong', 'unknown'] as const).find((one) => findings.some(({ verdict }) => verdict === one)) ?? 'right'

export const exitCodes: Record<Verdict, number> = { right: 0, wrong: 1, unknown: 2 }

export const asJson = (findings: readonly Finding[]): string =>
  `${JSON.stringify({ verdict: verdictOf(findings), findings }, null, 2)}\n`

/** What is right is a line; what is not says why it matters and what to do. */
export function asText(findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ verdict, id, about, title, found, why, mend }) => {
    const line = `${marks[verdict]} ${about}: ${title}: ${found} [${id}]`
    if (verdict === 'right') return [line]
    return [line, `    why: ${why}`, ...(mend?.split('\n').map((command) => `    do:  ${command}`) ?? [])]
  })
  const counts = (Object.keys(words) as Verdict[]).map(
    (verdict) => `${findings.filter((one) => one.verdict === verdict).length} ${words[verdict]}`,
  )
  return `${lines.join('\n')}\n\n${counts.join(', ')}\n`
}
