import assert from 'node:assert/strict'
import { test } from 'node:test'
import { html } from './html.ts'

const hostile = `<script>alert(1)</script>"'&`
const harmless = '&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;'

test('what is put in is escaped, in a text, in an attribute and in a list', () => {
  assert.equal(html`<p title="${hostile}">${hostile}</p>`.text, `<p title="${harmless}">${harmless}</p>`)
  assert.equal(html`<p>${[hostile, [hostile]]}</p>`.text, `<p>${harmless}${harmless}</p>`)
})

test('markup of the tag goes into markup as it is, what is not there is left out', () => {
  const rows = [1, 2].map((n) => html`<li>${n}</li>`)
  assert.equal(html`<ul>${rows}${null}${undefined}${false}${0}</ul>`.text, '<ul><li>1</li><li>2</li>0</ul>')
})

test('an object that only looks like markup is none', () => {
  const forged = { text: '<b>', toString: () => '<b>' } as unknown as string
  assert.throws(() => html`<p>${forged}</p>`)
})
