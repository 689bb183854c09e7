// What the status says that a payment gateway or a carrier answers.

/** It takes nothing now, or not yet. */
export const isUnavailable = (status: number): boolean => status >= 500 || [408, 425, 429].includes(status)

/**
 * Of an effect's cause: the receiver refuses it, and goes on to until somebody mends that (a wrong token, an address that
 * has moved).
 */
export function isRefusal(cause: string | null): boolean {
  const status = Number(/^status-(\d+)$/.exec(cause ?? '')?.[1])
  return status >= 400 && !isUnavailable(status)
}
