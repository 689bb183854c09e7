const seed = 0x9747b28c
const m = 0x5bd1e995

/**
 * Java's murmur2, on any bytes. The client's own multiplies numbers that grow with the key: one of 200 kB, which anybody
 * can put into the topic, held the event loop for 48 s.
 */
function murmur2(key: Buffer): number {
  const whole = key.length & ~3
  let h = seed ^ key.length
  for (let i = 0; i < whole; i += 4) {
    let k = Math.imul(key.readInt32LE(i), m)
    k ^= k >>> 24
    h = Math.imul(h, m) ^ Math.imul(k, m)
  }
  if (whole < key.length) h = Math.imul(h ^ key.readUIntLE(whole, key.length - whole), m)
  h = Math.imul(h ^ (h >>> 13), m)
  return h ^ (h >>> 15)
}

/** Java's hash of a record key, 31 bits; a record without a key counts as 0. */
export const keyHash = (key: Buffer | null): number => (key ? murmur2(key) & 0x7fffffff : 0)

/** The partition that Java's producer would choose for a key. */
export const partitionOf = (key: Buffer | null, partitions: number): number => keyHash(key) % partitions
