// Money is a JavaScript number that is the double nearest to a decimal of at most 15 digits, 4 of them after the point:
// such a double prints as exactly that decimal. Sums and percentages of it go through big.js, never through `+` and `*`.
import Big from 'big.js'
import { currencies } from './currencies.ts'
import type { Item } from './order.ts'

export const maxPrice = 99_999_999.9999
export const maxTotal = 99_999_999_999.9999
/** Money's unit is 1/10,000; a number in units is a safe integer. */
const unitsInOne = 10_000
const maxUnits = 999_999_999_999_999
const shippingRate = '0.02'

/** The amount in units of 1/10,000: exact for money, as its error before rounding is below a quarter. */
export const unitsOf = (amount: number): number => Math.round(amount * unitsInOne)
export const amountOf = (units: number): number => units / unitsInOne

/** Whether `value` is an amount: not negative, at most 4 decimals, at most 15 digits. */
export function isMoney(value: number): boolean {
  const units = unitsOf(value)
  return units >= 0 && units <= maxUnits && amountOf(units) === value
}

/** The exact sum of price x quantity; over `maxTotal` it is no money any more, and for the caller to refuse. */
export function totalOf(items: readonly Pick<Item, 'price' | 'quantity'>[]): number {
  let total = new Big(0)
  for (const { price, quantity } of items) total = total.plus(new Big(price).times(quantity))
  return total.toNumber()
}

/** 2 % of the total, rounded half up to the currency's minor unit. Throws for a currency that is none. */
export const shippingCostOf = (totalAmount: number, currency: string): number =>
  new Big(totalAmount).times(shippingRate).round(minorUnits(currency), Big.roundHalfUp).toNumber()

/** Decimals of the currency's minor unit: 2 for USD, 0 for JPY, 3 for IQD. Throws for a currency that is none. */
export function minorUnits(currency: string): number {
  const digits = currencies.get(currency)
  if (digits === undefined) throw new RangeError(`${JSON.stringify(currency)} is no ISO 4217 currency`)
  return digits
}
