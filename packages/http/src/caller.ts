/** Who sent a request, as far as they have shown it. */
export interface Caller {
  /** For people: the subject of a token, or the name of an API key. */
  readonly name: string
  /** What is theirs belongs to it: a token's subject and a key of the same name are two callers. */
  readonly id: string
  readonly scopes: ReadonlySet<unknown>
}

/** Who calls an open path may be anybody. */
export const nobody: Caller = { name: 'nobody', id: 'nobody', scopes: new Set() }

declare module 'fastify' {
  interface FastifyRequest {
    /** null: authentication is off. */
    caller: Caller | null
    /** Sets the caller, or throws why what was shown does not count. An answer that goes on for long asks it again. */
    checkCaller(): Promise<void>
  }
}
