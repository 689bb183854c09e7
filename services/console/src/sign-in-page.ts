// The page where users show who they are: it works without a script, and before anything else may be seen.

const escaped = (text: string) => text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)

const document = (head: string, main: string) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${head}<title>Sign in · inorder</title>
<link rel="stylesheet" href="/static/style.css">
</head>
<body>
<main id="main">
${main}
</main>
</body>
</html>
`

export const signInPage = ({ to, why }: { to: string; why?: string | undefined }): string =>
  document(
    '',
    `<h1>Sign in to inorder</h1>
${why === undefined ? '' : `<p role="alert" class="notice bad">${escaped(why)}</p>`}
<form method="post" action="/sign-in">
<input type="hidden" name="to" value="${escaped(to)}">
<p><label for="credential">API key or token</label></p>
<p><input id="credential" name="credential" type="password" autocomplete="current-password" required autofocus></p>
<p><button>Sign in</button></p>
</form>
<p>An API key begins with <code>ino_</code>; whoever runs the services makes one. You can do here what it may do, for 8 hours.</p>`,
  )

export const comingBackPage = (): string =>
  document('<meta http-equiv="refresh" content="0">\n', '<p>One moment, please.</p>')
