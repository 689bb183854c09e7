// The live charts of the overview, drawn by uPlot from the figures that console.js hears.
const names = { creates: ['created'], latency: ['median', 'p99'] }
const valuesOf = {
  creates: ({ creates }) => ({ created: creates }),
  latency: ({ p50, p99 }) => ({ median: p50, p99 }),
  lag: ({ lag }) => lag,
  outbox: ({ outbox }) => outbox,
}
const kept = 180
const moments = []
const charts = new Map()
const colours = () => ['--line-1', '--line-2', '--line-3', '--line-4', '--line-5'].map((name) => style(name))
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
const short = (value) =>
  value === null || value === undefined
    ? '–'
    : value >= 100
      ? Math.round(value).toLocaleString('en')
      : String(Math.round(value * 10) / 10)

const timeOf = (at) => new Date(at * 1000).toISOString().slice(11, 19)

function optionsOf(series, width) {
  const [ink, grid, lines] = [style('--muted'), style('--line'), colours()]
  const axis = {
    stroke: ink,
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: grid, width: 1 },
    font: '11px system-ui, sans-serif',
  }
  return {
    width,
    height: 170,
    cursor: { y: false, points: { size: 6 } },
    legend: { show: series.length > 1 },
    scales: { y: { range: (_chart, _min, max) => [0, Math.max(1, (max ?? 0) * 1.1)] } },
    axes: [
      { ...axis, space: 80, values: (_chart, ticks) => ticks.map(timeOf) },
      { ...axis, size: 52, values: (_chart, ticks) => ticks.map(short) },
    ],
    series: [
      { label: 'at', value: (_chart, at) => (at ? timeOf(at) : '–') },
      ...series.map((label, n) => ({
        label,
        stroke: lines[n],
        width: 1.5,
        points: { show: false },
        value: (_chart, value) => short(value),
      })),
    ],
  }
}

function draw(figure) {
  const name = figure.dataset.chart
  const values = moments.map(valuesOf[name])
  const series = names[name] ?? Object.keys(values.at(-1) ?? {})
  const data = [moments.map(({ at }) => at), ...series.map((one) => values.map((value) => value[one] ?? null))]
  const now = series.map((one) => values.at(-1)?.[one] ?? null)
  figure.querySelector('.now').textContent =
    name === 'latency'
      ? now.map(short).join(' / ')
      : short(now.some((value) => value !== null) ? now.reduce((sum, value) => sum + (value ?? 0), 0) : null)
  const plot = figure.querySelector('.plot')
  const there = charts.get(name)
  if (there) return there.setData(data)
  charts.set(name, new uPlot(optionsOf(series, plot.clientWidth), data, plot))
}

function drawAll() {
  if (moments.length > 0) for (const figure of document.querySelectorAll('[data-chart]')) draw(figure)
}

function drawAnew() {
  for (const chart of charts.values()) chart.destroy()
  charts.clear()
  drawAll()
}

addEventListener('figures', ({ detail }) => {
  // Who was away for a while gets again what is kept.
  moments.push(...detail.filter(({ at }) => at > (moments.at(-1)?.at ?? 0)))
  moments.splice(0, moments.length - kept)
  drawAll()
})
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAnew)
let width = innerWidth
addEventListener('resize', () => {
  if (innerWidth === width) return
  width = innerWidth
  drawAnew()
})
