// Rule 12: what becomes of one key of which the database and the log tell different things. Pure.

/** What the database knows of a key, and what was read of it in the log. */
export interface Evidence {
  /** The version of its row; 0: it has none. Every version up to it is in the log, or unpublished. */
  version: number
  /** Its rows of the outbox, by version. */
  unpublished: readonly { version: number; eventId: string }[]
  /** Of each version that was read, the first event: the one that the services apply. `at` ascends in the order of the log. */
  log: ReadonlyMap<number, { eventId: string; at: number }>
  /** Where records of it stand that nobody can read, ascending. */
  unreadable: readonly number[]
}

export interface Range {
  from: number
  to: number
}

export interface Verdict {
  /** The key becomes what the log's event of this version says. Undefined: its row stays. */
  becomes: number | undefined
  /** Events of the outbox that the log has already. */
  published: string[]
  /** Events of the outbox that contradict the log, and those that build on them. */
  dropped: string[]
  /** Why nothing may be written to it. `missing`: versions that neither the log nor the outbox has, below such as the log has. */
  hold: { cause: 'gap' | 'undecodable'; missing: Range[] } | undefined
}

const mostRanges = 20

export function judge({ version, unpublished, log, unreadable }: Evidence): Verdict {
  const isInLog = (row: { version: number; eventId: string }) => log.get(row.version)?.eventId === row.eventId
  // Two histories began where the backup was made, and the services know the log's.
  const fork = unpublished.find((row) => log.has(row.version) && !isInLog(row))?.version
  const waiting = unpublished.filter((row) => !isInLog(row))

  let top = fork === undefined ? version : fork - 1
  while (log.has(top + 1)) top++
  const missing = gapsAbove(top, log)
  // What nobody can read is no version of the key where later ones follow without a gap.
  let settledTo = 0
  for (const [of, { at }] of log) if (of <= top && at > settledTo) settledTo = at
  const unsettled = unreadable.some((at) => at > settledTo)
  return {
    becomes: top > version || fork !== undefined ? top : undefined,
    published: unpublished.filter(isInLog).map(({ eventId }) => eventId),
    dropped: fork === undefined ? [] : waiting.filter((row) => row.version >= fork).map(({ eventId }) => eventId),
    hold: unsettled ? { cause: 'undecodable', missing } : missing.length > 0 ? { cause: 'gap', missing } : undefined,
  }
}

/** What is missing between `top` and the versions of the log above it; of a log full of gaps the first ones. */
function gapsAbove(top: number, log: Evidence['log']): Range[] {
  const above = [...log.keys()].filter((version) => version > top).sort((a, b) => a - b)
  const gaps: Range[] = []
  let next = top + 1
  for (const version of above) {
    if (version > next && gaps.length < mostRanges) gaps.push({ from: next, to: version - 1 })
    next = version + 1
  }
  return gaps
}
