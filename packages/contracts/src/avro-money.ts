// Avro's decimal(19,4): the amount in units of 1/10,000 as a signed big-endian integer, as short as it goes.
import { amountOf, isMoney, unitsOf } from './money.ts'

/** readIntBE takes no more; longer values, which are rare, go by BigInt. */
const longestInt = 6
/** decimal(19,4) needs no more. */
const longest = 9

export function moneyToBytes(amount: number): Buffer {
  if (!isMoney(amount)) throw new RangeError(`${amount} is no amount of at most 4 decimals and 15 digits`)
  let units = unitsOf(amount)
  // One bit more than the number has, for the sign.
  let length = 1
  for (let limit = 0x80; units >= limit; limit *= 0x100) length++
  const bytes = Buffer.allocUnsafe(length)
  for (let at = length - 1; at >= 0; at--) {
    bytes[at] = units % 0x100
    units = Math.floor(units / 0x100)
  }
  return bytes
}

/** Throws when it is no amount: none or too many bytes, negative, more than 15 digits. */
export function moneyFromBytes(bytes: Buffer): number {
  if (bytes.length > longest) throw new RangeError(`an amount of ${bytes.length} bytes`)
  const units =
    bytes.length <= longestInt
      ? bytes.readIntBE(0, bytes.length)
      : Number(BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`)))
  const amount = amountOf(units)
  if (!isMoney(amount)) throw new RangeError(`${units} / 10,000 is no amount`)
  return amount
}
