/** Thrown in a route: the connection is closed without an answer, which every client reads as "what became of it is unknown". */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
}
