// What is money, and what a time, the schema says by logical types: every field that has one is converted by it.
import avsc from 'avsc'
import { amountOf, isMoney, unitsOf } from './money.ts'

const converted = <Value, Avro>(toAvro: (value: Value) => Avro, fromAvro: (value: Avro) => Value) =>
  class extends avsc.types.LogicalType {
    protected override _toValue(value: Value): Avro {
      return toAvro(value)
    }

    protected override _fromValue(value: Avro): Value {
      return fromAvro(value)
    }

    protected override _resolve(writer: avsc.Type): (value: Avro) => Value {
      this.underlyingType.createResolver(writer) // throws where Avro cannot read the one as the other
      return fromAvro
    }
  }

/** readIntBE takes no more; longer values, which are rare, go by BigInt. */
const longestInt = 6
/** decimal(19,4) needs no more. */
const longest = 9

/** decimal(19,4): in units of 1/10,000 as a signed big-endian integer, as short as it goes. */
function moneyToBytes(amount: number): Buffer {
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
function moneyFromBytes(bytes: Buffer): number {
  if (bytes.length > longest) throw new RangeError(`an amount of ${bytes.length} bytes`)
  const units =
    bytes.length <= longestInt
      ? bytes.readIntBE(0, bytes.length)
      : Number(BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`)))
  const amount = amountOf(units)
  if (!isMoney(amount)) throw new RangeError(`${units} / 10,000 is no amount`)
  return amount
}

const firstMilli = Date.parse('0001-01-01T00:00:00.000Z')
const lastMilli = Date.parse('9999-12-31T23:59:59.999Z')

let lastSecond = Number.NaN
let lastText = ''

/** Events of a batch are of few seconds, and Date's own text costs a microsecond. */
function timeOf(millis: number): string {
  if (!(millis >= firstMilli && millis <= lastMilli)) throw new RangeError(`no time in the years 1 to 9999: ${millis}`)
  const second = Math.floor(millis / 1000)
  if (second !== lastSecond) {
    lastText = new Date(second * 1000).toISOString().slice(0, -4)
    lastSecond = second
  }
  return `${lastText}${String(millis - second * 1000).padStart(3, '0')}Z`
}

export const logicalTypes = {
  decimal: converted(moneyToBytes, moneyFromBytes),
  'timestamp-millis': converted(Date.parse, timeOf),
}
