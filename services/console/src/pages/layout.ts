// The frame of every page.
import type { Asset } from './assets.ts'
import { type Html, html } from './html.ts'
import { notices, type Surroundings } from './surroundings.ts'

export interface Page {
  title: string
  main: Html
  /** How often somebody who looks is told what has changed. */
  everyMs?: number
  charts?: boolean
}

export interface Frame {
  /** Path and query of the page, as it was asked for. */
  url: string
  now: number
  surroundings: Surroundings
  assets: readonly Asset[]
  icon: string
  navigation: readonly (readonly [path: string, name: string])[]
  /** Undefined: nobody is asked who they are. */
  caller: { name: string; mayOperate: boolean } | undefined
}

export function documentOf(page: Page, frame: Frame): string {
  const { url, now, surroundings, assets, icon, navigation, caller } = frame
  const path = url.split('?', 1)[0]!
  const isHere = (of: string) => (of === '/' ? path === '/' : path === of || path.startsWith(`${of}/`))
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.title} · inorder</title>
<link rel="icon" href="${icon}" type="image/svg+xml">
${assets.map(({ url, type }) => (type === 'css' ? html`<link rel="stylesheet" href="${url}">` : html`<script src="${url}" defer></script>`))}
</head>
<body class="${caller && !caller.mayOperate && 'looks'}" ${page.everyMs && html`data-stream="/live${url}"`}>
<a class="skip" href="#main">To the content</a>
<header>
<a class="brand" href="/">inorder</a>
<nav aria-label="Pages">${navigation.map(([of, name]) => html`<a href="${of}" ${isHere(of) && html`aria-current="page"`}>${name}</a>`)}</nav>
<form class="find" action="/orders" role="search"><label class="unseen" for="find">Order id</label><input id="find" name="orderId" placeholder="Order id" autocomplete="off" spellcheck="false" required><button>Find</button></form>
${caller && html`<form class="account" method="post" action="/sign-out"><span>${caller.name}</span> <button>Sign out</button></form>`}
</header>
${caller && !caller.mayOperate && html`<div class="notices"><p class="notice">You may look at everything and change nothing: <b>${caller.name}</b> does not have the scope <code>operate</code>.</p></div>`}
<div id="notices" class="notices" data-live>${notices(surroundings, now)}</div>
<main id="main" tabindex="-1">
<h1>${page.title}</h1>
${page.main}
</main>
<footer><span>Times are in UTC.</span> ${page.everyMs && html`<span id="liveness" class="liveness" role="status"></span>`} <a href="/docs">Calls of the console</a></footer>
</body>
</html>`.text
}
