/** The text of an answer's body. Undefined when it has more than `most` bytes: the rest is not read, the connection is closed. */
export async function boundedText(body: AsyncIterable<Uint8Array> | null, most: number): Promise<string | undefined> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of body ?? []) {
    bytes += piece.length
    if (bytes > most) return undefined
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}
