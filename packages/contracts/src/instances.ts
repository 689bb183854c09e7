// A service as whoever asks it has it: where its instances are, any of which can answer.

/** Codes of a failed connection: nothing was sent, so that nothing can have arrived. */
const unconnected = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']
/** Of what fetch has thrown. */
export const neverArrived = (error: unknown): boolean => unconnected.includes(Object(Object(error).cause).code)

export class Instances {
  #addresses: readonly string[]

  constructor(addresses: readonly string[]) {
    this.#addresses = addresses
  }

  /**
   * One after the other, until one answers; else the first outcome. Whoever did not is asked last from then on. A write may
   * have been done by whoever did not answer: another is asked only where it never arrived. `failureOf`: of no answer.
   */
  async ask<Outcome>(
    method: string,
    ask: (address: string) => Promise<Outcome>,
    failureOf: (outcome: Outcome) => { neverArrived: boolean } | undefined,
  ): Promise<Outcome> {
    const outcomes: Outcome[] = []
    for (const address of this.#addresses) {
      const outcome = await ask(address)
      const failure = failureOf(outcome)
      if (!failure || (method !== 'GET' && !failure.neverArrived)) return outcome
      outcomes.push(outcome)
      this.#addresses = [...this.#addresses.filter((other) => other !== address), address]
    }
    return outcomes[0]!
  }
}
