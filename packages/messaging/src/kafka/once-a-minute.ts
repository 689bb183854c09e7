const pauseMs = 60_000

/** What lasts is told of once a minute, by what it is. */
export class OnceAMinute<What> {
  /** `performance.now()`. */
  readonly #toldAt = new Map<What, number>()

  /** True: now; it then counts as told. */
  mayTell(what: What): boolean {
    const now = performance.now()
    if (now - (this.#toldAt.get(what) ?? Number.NEGATIVE_INFINITY) < pauseMs) return false
    this.#toldAt.set(what, now)
    return true
  }
}
