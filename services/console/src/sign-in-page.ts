// The page where users show who they are: it works without a script, and before anything else may be seen.
import { type Html, html } from './pages/html.ts'

const document = (head: Html | false, main: Html): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${head}<title>Sign in · inorder</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
${['style', 'parts', 'frame'].map((name) => html`<link rel="stylesheet" href="/static/${name}.css">`)}
</head>
<body>
<main id="main">
${main}
</main>
</body>
</html>`.text

export const signInPage = ({ to, why }: { to: string; why?: string | undefined }): string =>
  document(
    false,
    html`<h1>Sign in to inorder</h1>
${why !== undefined && html`<p role="alert" class="notice bad">${why}</p>`}
<form method="post" action="/sign-in">
<input type="hidden" name="to" value="${to}">
<p><label for="credential">API key or token</label></p>
<p><input id="credential" name="credential" type="password" autocomplete="current-password" required autofocus></p>
<p><button>Sign in</button></p>
</form>
<p>An API key begins with <code>ino_</code>; whoever runs the services makes one. You can do here what it may do, for 8 hours.</p>`,
  )

export const comingBackPage = (): string =>
  document(html`<meta http-equiv="refresh" content="0">`, html`<p>One moment, please.</p>`)
