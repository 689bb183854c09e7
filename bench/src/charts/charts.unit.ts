import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BenchResult } from '../results.ts'
import { barChart } from './bars.ts'
import { lineChart } from './lines.ts'
import { growthText, resultsText } from './tables.ts'

const hostile = '<b onload="x">&amp; | 5 > 3</b>'

const bench: BenchResult = {
  id: 'B1-64',
  title: `the cart / ${hostile}`,
  date: '2026-11-26T08:00:00.000Z',
  commit: 'abcdef0',
  seconds: 6,
  sides: [
    {
      name: 'inorder',
      unit: 'orders/s',
      rounds: [11_234, 11_642, 12_117].map((value) => ({
        value,
        cpuMicrosecondsPerOrder: { cart: 91.7, postgres: 51.25 },
        p50: 5.25,
        p99: 14.5,
      })),
    },
    {
      name: hostile,
      unit: 'orders/s',
      rounds: [2_301, 2_345, 2_399].map((value) => ({ value, cpuMicrosecondsPerOrder: {} })),
    },
  ],
  ratio: { rounds: [4.88, 4.96, 5.05], median: 4.96, min: 4.88, max: 5.05 },
  aims: [
    { of: 'ratio', atLeast: 5, before: 2.7 },
    { of: 'cpu', atMost: 190, before: 357 },
    { of: 'cpu.cart', atMost: 90 },
  ],
}

const growth = {
  id: 'orders',
  title: `p99 by orders ${hostile}`,
  x: { name: hostile, values: [10_000, 100_000, 1_000_000] },
  series: [
    { name: hostile, values: [12.5, 13.75, null] },
    { name: 'reads', values: [0.25, 0.31, 0.29] },
  ],
}

/** Throws where a tag is not closed by its own, an attribute has no quotes, or a sign stands for itself that may not. */
function assertXml(text: string): void {
  const open: string[] = []
  const rest = text.replace(
    /<(\/?)([a-z]+)((?: [a-zA-Z0-9-]+="[^"<&]*")*)(\/?)>/g,
    (_, end, name, _attributes, alone) => {
      if (end) assert.equal(open.pop(), name)
      else if (!alone) open.push(name)
      return ''
    },
  )
  assert.deepEqual(open, [])
  assert.doesNotMatch(rest.replace(/&#\d+;/g, ''), /[<>&]/)
}

/** What a person sees, and what is read out to one who does not. */
const texts = (svg: string): string =>
  [...svg.matchAll(/<(text|title|desc)[^>]*>([^<]*)</g)]
    .map(([, , text]) => text?.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code))))
    .join(' ')

test('a chart is XML whatever is in a name, and nobody can put markup into it', () => {
  for (const svg of [barChart(bench), lineChart(growth)]) {
    assertXml(svg)
    assert.ok(texts(svg).includes(hostile))
  }
})

test('bars tell the median, the range and the processor time of each side, and the ratio with its aim', () => {
  const told = texts(barChart(bench))
  const wanted = [
    '11,642 (11,234–12,117) orders/s',
    '2,345 (2,301–2,399) orders/s',
    'ratio 4.96 (4.88–5.05), aim: at least 5',
  ]
  for (const text of [
    ...wanted,
    '143 µs of processor time an order: cart 91.7, postgres 51.3',
    'p50 5.25 ms, p99 14.5 ms',
  ])
    assert.ok(told.includes(text), `${text}: ${told}`)
})

test('a bar is as long as its median, and its whisker as the range', () => {
  const [, first = '', second = ''] = barChart(bench).split('class="fill')
  const lengthOf = (part: string) => Number(/width="([\d.]+)"/.exec(part)?.[1])
  assert.ok(Math.abs(lengthOf(first) / lengthOf(second) - 11_642 / 2_345) < 0.02)
  const whisker = (part: string) =>
    ['x1', 'x2'].map((end) => Number(new RegExp(`range" .*?${end}="([\\d.]+)`).exec(part)?.[1]))
  const [low = 0, high = 0] = whisker(first)
  assert.ok(Math.abs((high - low) / lengthOf(first) - (12_117 - 11_234) / 11_642) < 0.002)
})

test('lines tell every point, and leave out what was not measured', () => {
  const svg = lineChart(growth)
  for (const point of [
    '10,000: 12.5',
    '100,000: 13.8',
    '1,000,000: –',
    '10,000: 0.25',
    '100,000: 0.31',
    '1,000,000: 0.29',
  ])
    assert.ok(texts(svg).includes(point), point)
  assert.deepEqual(
    svg.match(/points="[^"]*"/g)?.map((points) => points.split(' ').length),
    [2, 3],
  )
})

test('x is logarithmic where it begins above 0, else linear', () => {
  const places = (values: number[]) => {
    const svg = lineChart({ ...growth, x: { name: 'x', values }, series: [{ name: 'y', values: [1, 1, 1] }] })
    return [.../points="([^"]*)"/.exec(svg)![1]!.matchAll(/([\d.]+),/g)].map(([, x]) => Number(x))
  }
  for (const [a = 0, b = 0, c = 0] of [places([1, 10, 100]), places([0, 50, 100])])
    assert.ok(Math.abs(b - a - (c - b)) < 0.3)
})

test('the tables say of each aim whether it is met, and break at no sign of a name', () => {
  const results = { machine: '2 x core', date: bench.date, commit: 'abcdef0', rounds: 3, benches: [bench] }
  const text = resultsText(results, 'performance')
  for (const row of [
    '| B1-64 | ratio | 2.7 | at least 5 | 4.96 | **not met** |',
    '| B1-64 | µs of processor time | 357 | at most 190 | 143 | met |',
    '| B1-64 | µs of processor time, cart |  | at most 90 | 91.7 | **not met** |',
  ])
    assert.ok(text.includes(row), text)
  for (const page of [text, growthText([growth], 'performance')]) assert.doesNotMatch(page, /<b|[^\\]\| 5/)
})
