import { data } from 'currency-codes'

/** ISO 4217: code -> decimals of its minor unit. The package's list is of June 2024; what ISO has added since stands here. */
export const currencies: ReadonlyMap<string, number> = new Map([
  ...data.map(({ code, digits }) => [code, digits] as const),
  ['XCG', 2], // Caribbean guilder, amendment 176
  ['XAD', 2], // Arab accounting dinar, amendment 178
])
