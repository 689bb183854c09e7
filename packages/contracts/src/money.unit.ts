import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { anyItems } from '@inorder/testing/any-order.ts'
import Big from 'big.js'
import fc from 'fast-check'
import { currencies } from './currencies.ts'
import { amountOf, isMoney, maxTotal, minorUnits, shippingCostOf, totalOf } from './money.ts'

suite('money', () => {
  test('is at most 4 decimals and 15 digits, and not negative', () => {
    for (const amount of [0, 0.0001, 0.1, 1.25, 19.99, 99_999_999.9999, 12_345_678_901.2345, maxTotal]) {
      assert.ok(isMoney(amount), `${amount}`)
    }
    for (const amount of [-0.01, -1, 0.00001, 1.00001, 100_000_000_000, 1e15, 1e300, 0.1 + 0.2, Number.NaN, Infinity]) {
      assert.ok(!isMoney(amount), `${amount}`)
    }
  })

  test('every amount of 15 digits prints as itself', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999_999_999_999 }), (units) => {
        const amount = amountOf(units)
        assert.ok(isMoney(amount))
        assert.ok(new Big(String(amount)).times(10_000).eq(units))
      }),
      { numRuns: 2000 },
    )
  })
})

suite('totalOf', () => {
  test('is the exact sum of price x quantity', () => {
    const items = (...pairs: [price: number, quantity: number][]) =>
      pairs.map(([price, quantity]) => ({ price, quantity }))
    assert.equal(totalOf(items([0.1, 1], [0.2, 1])), 0.3)
    assert.equal(totalOf(items([19.99, 2], [5, 1])), 44.98)
    assert.equal(totalOf(items([0.0001, 3])), 0.0003)
    assert.equal(totalOf(items([99_999.9999, 1_000_000])), 99_999_999_900)
    assert.equal(totalOf(items([1.005, 1000])), 1005)
    assert.equal(totalOf([]), 0)
    assert.ok(totalOf(items([99_999_999.9999, 1_000_000])) > maxTotal)
    assert.ok(totalOf(items([99_999_999.9999, 1000], [0.0001, 1000])) > maxTotal)
  })

  test('of any items equals the sum in whole units', () => {
    fc.assert(
      fc.property(anyItems, (items) => {
        const units = items.reduce((sum, { price, quantity }) => {
          return sum + BigInt(new Big(price).times(10_000).toFixed(0)) * BigInt(quantity)
        }, 0n)
        assert.equal(BigInt(new Big(totalOf(items)).times(10_000).toFixed(0)), units)
        assert.ok(isMoney(totalOf(items)))
      }),
    )
  })
})

suite('shippingCostOf', () => {
  const table: [total: number, currency: string, cost: number][] = [
    [44.98, 'USD', 0.9],
    [100, 'USD', 2],
    [0.25, 'USD', 0.01], // 0.005, half up
    [0.24, 'USD', 0], // 0.0048
    [1.75, 'USD', 0.04], // 0.035: as doubles it would come out below
    [0.2499, 'USD', 0],
    [99_999_999_999.9999, 'USD', 2_000_000_000],
    [1250, 'JPY', 25],
    [24, 'JPY', 0], // 0.48
    [25, 'JPY', 1], // 0.5
    [75, 'KRW', 2], // 1.5
    [1, 'IQD', 0.02],
    [0.025, 'IQD', 0.001], // 0.0005
    [0.0249, 'KWD', 0],
    [1234.5, 'HUF', 24.69],
    [0.0025, 'CLF', 0.0001], // 0.00005
    [0, 'USD', 0],
  ]
  for (const [total, currency, cost] of table) {
    test(`of ${total} ${currency} is ${cost}`, () => assert.equal(shippingCostOf(total, currency), cost))
  }

  test('throws for what is no currency', () => {
    for (const currency of ['ZZZ', 'usd', '', 'toString']) assert.throws(() => shippingCostOf(1, currency), RangeError)
  })
})

test('minor units are those of ISO 4217, not of Intl', () => {
  const digits = {
    HUF: 2,
    IQD: 3,
    JPY: 0,
    KRW: 0,
    KWD: 3,
    USD: 2,
    EUR: 2,
    CLF: 4,
    ISK: 0,
    COP: 2,
    IDR: 2,
    XCG: 2,
    ZWG: 2,
  }
  for (const [currency, units] of Object.entries(digits)) assert.equal(minorUnits(currency), units, currency)
  for (const units of currencies.values()) assert.ok(units >= 0 && units <= 4)
  assert.ok(!currencies.has('HRK'), 'the kuna is gone')
})
