// SVG as text. A library that draws charts wants a document, or brings a hundred times what bars and lines take.
//
// A chart is 400 units wide, so that it is read on a phone as it is. It brings its own background: a page may be dark where
// the reader's system is light, and a transparent chart would be unreadable there.

export const width = 400
export const margin = 14

export type Class = 'title' | 'name' | 'note' | 'strong'
const sizes: Record<Class, number> = { title: 15, name: 13, strong: 13, note: 12 }
/** Of a character, on average, by the size; the reader's font is not known, and DejaVu Sans is among the wide ones. */
const widths: Record<Class, number> = { title: 0.63, name: 0.57, strong: 0.63, note: 0.57 }

const style = `
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:#1f2328}
.title{font-size:15px;font-weight:600}.name{font-size:13px}.strong{font-size:13px;font-weight:600}
.note{font-size:12px;fill:#59636e}
.page{fill:#fff}.axis{stroke:#d1d9e0}.range{stroke:#1f2328;stroke-width:1.5}
.c0{--c:#0969da}.c1{--c:#8c959f}.c2{--c:#bc4c00}.c3{--c:#8250df}.c4{--c:#1a7f37}.c5{--c:#bf3989}
.fill{fill:var(--c)}.line{stroke:var(--c);stroke-width:2.5;fill:none}
@media (prefers-color-scheme:dark){
text{fill:#f0f6fc}.note{fill:#9198a1}.page{fill:#0d1117}.axis{stroke:#3d444d}.range{stroke:#f0f6fc}
.c0{--c:#388bfd}.c1{--c:#656c76}.c2{--c:#f0883e}.c3{--c:#ab7df8}.c4{--c:#3fb950}.c5{--c:#f778ba}}`

export const escapeXml = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)

/** `12,345`, `43.2`, `0.35`; a dash where nothing is known. */
export function figure(n: number): string {
  if (!Number.isFinite(n)) return '–'
  return (Math.abs(n) >= 100 ? Math.round(n) : Number(n.toPrecision(3))).toLocaleString('en', {
    maximumFractionDigits: 8,
  })
}

/** `10k`, `1M`, for an axis. */
export function short(n: number): string {
  if (Math.abs(n) >= 1e6) return `${figure(n / 1e6)}M`
  return Math.abs(n) >= 10_000 ? `${figure(n / 1e3)}k` : figure(n)
}

export const widthOf = (text: string, kind: Class): number => text.length * sizes[kind] * widths[kind]

/** Text from the top down, one piece below the other, and what is drawn between them. */
export class Page {
  readonly #title: string
  readonly #description: string
  readonly #parts: string[] = []
  y = margin

  constructor(title: string, description: string) {
    this.#title = title
    this.#description = description
    this.text(title, 'title')
  }

  /** Over as many lines as it takes. */
  text(text: string, kind: Class): void {
    for (const line of lines(text, kind)) {
      this.y += sizes[kind] + 4
      this.draw(textAt(margin, this.y - 4, line, kind))
    }
  }

  /** On one line, if there is room for both, else on two. */
  pair(left: string, right: string): void {
    if (widthOf(left, 'name') + widthOf(right, 'strong') > width - 2 * margin - 10) {
      this.text(left, 'name')
      this.text(right, 'strong')
      return
    }
    this.y += 17
    this.draw(textAt(margin, this.y - 4, left, 'name'), textAt(width - margin, this.y - 4, right, 'strong', 'end'))
  }

  draw(...parts: string[]): void {
    this.#parts.push(...parts)
  }

  toString(): string {
    const height = Math.ceil(this.y + margin)
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">
<title id="title">${escapeXml(this.#title)}</title>
<desc id="desc">${escapeXml(this.#description)}</desc>
<style>${style}</style>
<rect class="page" width="${width}" height="${height}" rx="6"/>
${this.#parts.join('\n')}
</svg>
`
  }
}

export const textAt = (x: number, y: number, text: string, kind: Class, anchor = 'start'): string =>
  `<text class="${kind}" x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escapeXml(text)}</text>`

export const lineFrom = (x1: number, y1: number, x2: number, y2: number, kind: string): string =>
  `<line class="${kind}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`

export const round = (n: number): number => Math.round(n * 10) / 10

function lines(text: string, kind: Class): string[] {
  const found = ['']
  for (const word of text.split(' ')) {
    const longer = `${found.at(-1)} ${word}`.trim()
    if (found.at(-1) !== '' && widthOf(longer, kind) > width - 2 * margin) found.push(word)
    else found[found.length - 1] = longer
  }
  return found
}
