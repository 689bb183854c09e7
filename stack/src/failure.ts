/** What keeps the stack from starting, as one line that tells the user what to do. Ends the starter with code 1. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure'
}

/** A start given up because the user asked to stop; not a failure. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
}
