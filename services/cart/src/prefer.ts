/** What a client would like, from its `Prefer` header (RFC 7240). */
export interface Preferences {
  /** How long to wait for Kafka's acknowledgement (ms). */
  waitMs: number
  /** Rather refused than stored while Kafka is unavailable. */
  strict: boolean
  /** `wait`, in seconds, as far as it counts; undefined: not given. */
  wait?: number
  /** `respond-async`. */
  async?: boolean
}

const defaultWaitMs = 2_000
const mostSeconds = 30

// A comma inside quotes does not end a preference. Parameters (after a semicolon) mean nothing for those known here.
const pieces = /(?:[^,"]|"(?:\\.|[^"\\])*(?:"|\\?$))+/g
const preference = /^([!#$%&'*+.^_`|~\w-]+)\s*(?:=\s*(?:("(?:\\.|[^"\\])*"|[^\s;"]+)\s*)?)?(?:;|$)/

/**
 * Reads a Prefer header; several of them come joined by commas. Of a preference given twice the first counts, and what is
 * unknown or malformed is ignored, as the RFC asks. `respond-async, wait=5` is: wait 5 s, then answer 202.
 */
export function parsePrefer(header: string | undefined): Preferences {
  if (header === undefined) return { waitMs: defaultWaitMs, strict: false }
  const found = new Map<string, string>()
  for (const piece of header.match(pieces) ?? []) {
    const [, name, value = ''] = piece.trim().match(preference) ?? []
    const key = name?.toLowerCase()
    if (key && !found.has(key)) found.set(key, value.startsWith('"') ? unquoted(value) : value)
  }
  const wait = found.get('wait')
  const seconds = wait !== undefined && /^\d+$/.test(wait) ? Math.min(Number(wait), mostSeconds) : undefined
  const async = found.has('respond-async')
  return {
    waitMs: seconds === undefined ? (async ? 0 : defaultWaitMs) : seconds * 1_000,
    strict: found.get('handling')?.toLowerCase() === 'strict',
    ...(seconds !== undefined && { wait: seconds }),
    ...(async && { async }),
  }
}

/** The Preference-Applied of an answer: what of the client's wishes made it what it is. */
export function preferenceApplied({ wait, async, strict }: Preferences, status: number): string {
  const honoured = [
    async && status === 202 && 'respond-async',
    wait !== undefined && `wait=${wait}`,
    strict && 'handling=strict',
  ]
  return honoured.filter(Boolean).join(', ')
}

const unquoted = (text: string) => text.slice(1, -1).replaceAll(/\\(.)/g, '$1')
