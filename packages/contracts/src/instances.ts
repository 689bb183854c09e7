// A service as whoever asks it has it: where its instances are, any of which can answer.

/** Codes of a failed connection: nothing was sent, so that nothing can have arrived. */
const unconnected = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']
/** Of what fetch has thrown. */
export const neverArrived = ({ cause }: Error): boolean => unconnected.includes(Object(cause).code)

export class Instances {
  #addresses: readonly string[]

  constructor(addresses: readonly string[]) {
    this.#addresses = addresses
  }

  /** One after the other, until `isOver`; else the first outcome. Whoever was not the one is asked last from then on. */
  async ask<Outcome>(
    ask: (address: string) => Promise<Outcome>,
    isOver: (outcome: Outcome) => boolean,
  ): Promise<Outcome> {
    const outcomes: Outcome[] = []
    for (const address of this.#addresses) {
      const outcome = await ask(address)
      if (isOver(outcome)) return outcome
      outcomes.push(outcome)
      this.#addresses = [...this.#addresses.filter((other) => other !== address), address]
    }
    return outcomes[0]!
  }
}
