// What a job does next, from what is stored of it alone: so whoever takes it up after a kill does the same.

export interface JobProgress {
  /** It is known which keys it is about. */
  readonly isSelected: boolean
  readonly canary: boolean
  readonly ratePerSecond: number | null
  readonly stopAfter: number | null
  readonly total: number
  readonly tried: number
  readonly failed: number
  /** What was tried, and failed, when it was continued. */
  readonly triedBefore: number
  readonly failedBefore: number
}

/** So many sessions of the pool are taken by a job; the live traffic needs the others. */
const sideBySide = 4
/** A rate is kept by rounds of this length or longer. */
const roundsPerSecond = 10

export type Next = 'select' | 'done' | 'stopped' | { readonly keys: number }

/** `keys`: how many are tried now, side by side. */
export function nextOf(job: JobProgress): Next {
  if (!job.isSelected) return 'select'
  if (job.tried >= job.total) return 'done'
  const failed = job.failed - job.failedBefore
  const step = stepOf(job.tried - job.triedBefore)
  if (job.canary && step.isBegin && failed > 0) return 'stopped'
  if (job.stopAfter !== null && failed >= job.stopAfter) return 'stopped'
  return {
    keys: Math.min(
      sideBySide,
      job.canary ? step.left : Infinity,
      job.stopAfter === null ? Infinity : job.stopAfter - failed,
      job.ratePerSecond === null ? Infinity : Math.ceil(job.ratePerSecond / roundsPerSecond),
    ),
  }
}

/** Steps of 1, 10, 100, ... keys: how much is left of the one that is under way, or begins. */
function stepOf(tried: number): { left: number; isBegin: boolean } {
  let begin = 0
  let size = 1
  while (tried >= begin + size) {
    begin += size
    size *= 10
  }
  return { left: begin + size - tried, isBegin: tried === begin }
}
