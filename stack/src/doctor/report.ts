import type { Finding, Verdict } from './finding.ts'

const marks: Record<Verdict, string> = { right: '✔', wrong: '✖', unknown: '?' }
const words: Record<Verdict, string> = { right: 'right', wrong: 'wrong', unknown: 'could not check' }

/** Something is wrong; nothing is, and something could not be checked; all is right. */
export const verdictOf = (findings: readonly Finding[]): Verdict =>
  (['wrong', 'unknown'] as const).find((one) => findings.some(({ verdict }) => verdict === one)) ?? 'right'

export const exitCodes: Record<Verdict, number> = { right: 0, wrong: 1, unknown: 2 }

export const asJson = (findings: readonly Finding[]): string =>
  `${JSON.stringify({ verdict: verdictOf(findings), findings }, null, 2)}\n`

/**
 * What is right is a line; what is not says why it matters and what to do. What could not be checked for the same reason is
 * one line. What is wrong stands at the end once more, where somebody looks first.
 */
export function asText(findings: readonly Finding[]): string {
  const unchecked = findings.filter(({ verdict, mend }) => verdict === 'unknown' && mend === undefined)
  const byReason = Map.groupBy(unchecked, ({ found }) => found)
  const lines = findings.flatMap((finding) => {
    const same = byReason.get(finding.found) ?? []
    if (same.length < 2 || !same.includes(finding)) return linesOf(finding)
    if (finding !== same[0]) return []
    return [`${marks.unknown} ${same.length} checks could not be made: ${finding.found} (--json names them)`]
  })
  const wrong = findings.filter(({ verdict }) => verdict === 'wrong')
  const counts = (Object.keys(words) as Verdict[]).map(
    (verdict) => `${findings.filter((one) => one.verdict === verdict).length} ${words[verdict]}`,
  )
  const again = wrong.length === 0 ? [] : ['', 'What is wrong:', ...wrong.flatMap(linesOf)]
  return `${[...lines, ...again].join('\n')}\n\n${counts.join(', ')}\n`
}

function linesOf({ verdict, id, about, title, found, why, mend }: Finding): string[] {
  const line = `${marks[verdict]} ${about}: ${title}: ${found} [${id}]`
  if (verdict === 'right') return [line]
  return [line, `    why: ${why}`, ...(mend?.split('\n').map((command) => `    do:  ${command}`) ?? [])]
}
