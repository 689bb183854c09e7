import { compatibilityPartitioner } from '@platformatic/kafka'

const message = { topic: '', value: Buffer.alloc(0) }

/** Java's hash of a record key, 31 bits; a record without a key counts as 0. */
export const keyHash = (key: Buffer | null): number => (key ? compatibilityPartitioner(message, key) : 0)

/** The partition that Java's producer would choose for a key. */
export const partitionOf = (key: Buffer | null, partitions: number): number => keyHash(key) % partitions
