// What the status says that a payment gateway or a carrier answers.

/** It takes nothing now, or not yet. */
export const isUnavailable = (status: number): boolean => status >= 500 || [408, 425, 429].includes(status)

/** Of an effect's cause such as status-503; NaN: it is another. */
const statusIn = (cause: string | null): number => Number(/^status-(\d+)$/.exec(cause ?? '')?.[1])

/** Of an effect's cause: nobody answers, or whoever answers takes nothing. */
export const isAbsent = (cause: string | null): boolean => cause === 'no-answer' || isUnavailable(statusIn(cause))

/**
 * Of an effect's cause: the receiver refuses it, and goes on to until somebody mends that (a wrong token, an address that
 * has moved).
 */
export function isRefusal(cause: string | null): boolean {
  const status = statusIn(cause)
  return status >= 400 && !isUnavailable(status)
}
