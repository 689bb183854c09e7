// Keeps a page up to date: the server sends it anew whenever it has changed, and the parts that are marked as live are put
// in place. All of it is there without this file too, by loading the page again.
const stream = document.body.dataset.stream
const liveness = document.getElementById('liveness')
const newest = new Map()

/** A part in which somebody is (the focus is in it) stays until they have left it. */
function put(text) {
  const page = new DOMParser().parseFromString(text, 'text/html')
  const parts = [...page.querySelectorAll('[data-live]')]
  // An order that nobody knew is there now, and its page has other parts.
  const isAnother = parts.some(({ id }) => !document.getElementById(id))
  for (const part of isAnother ? [page.getElementById('main')] : parts) {
    const here = document.getElementById(part.id)
    if (newest.get(part.id) === part.innerHTML || (!isAnother && here.contains(document.activeElement))) continue
    newest.set(part.id, part.innerHTML)
    const opened = [...here.querySelectorAll('details[open]')].map(({ id }) => id)
    here.innerHTML = part.innerHTML
    for (const id of opened) document.getElementById(id)?.setAttribute('open', '')
  }
  showAges()
}

function ageOf(time) {
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(time)) / 1000))
  for (const [length, name] of [
    [86400, 'd'],
    [3600, 'h'],
    [60, 'min'],
  ])
    if (seconds >= 2 * length) return `${Math.floor(seconds / length)} ${name} ago`
  return `${seconds} s ago`
}

function showAges() {
  for (const age of document.querySelectorAll('time > .age')) {
    const text = ageOf(age.parentElement.dateTime)
    if (age.textContent !== text) age.textContent = text
  }
}
setInterval(showAges, 1000)

let source
const say = (text, isLive) => {
  if (!liveness) return
  liveness.textContent = text
  liveness.classList.toggle('on', isLive)
}
function listen() {
  if (!stream || source) return
  source = new EventSource(stream)
  source.addEventListener('open', () => say('live', true))
  source.addEventListener('error', failed)
  source.addEventListener('page', ({ data }) => put(JSON.parse(data)))
  source.addEventListener('figures', ({ data }) =>
    dispatchEvent(new CustomEvent('figures', { detail: JSON.parse(data) })),
  )
}
/** Whoever has signed out in another tab, or for too long, is shown where to sign in. */
async function failed({ target }) {
  say('not live: the console does not answer', false)
  if (target.readyState !== EventSource.CLOSED) return
  const answer = await fetch(location.href, { method: 'HEAD' }).catch(() => undefined)
  if (answer?.status === 401) location.reload()
}
/** A browser opens six connections to a server at most: a page that nobody sees holds none, and costs the services nothing. */
function pauseStream() {
  source?.close()
  source = undefined
}
document.addEventListener('visibilitychange', () => (document.hidden ? pauseStream() : listen()))
addEventListener('pagehide', pauseStream)
addEventListener('pageshow', () => !document.hidden && listen())

// One press, one request.
document.addEventListener('submit', (event) => {
  const { target } = event
  if (target.method !== 'post') return
  if (target.dataset.sent) return event.preventDefault()
  target.dataset.sent = 'yes'
  for (const button of target.querySelectorAll('button')) button.setAttribute('aria-disabled', 'true')
})
addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form[data-sent]')) {
    delete form.dataset.sent
    for (const button of form.querySelectorAll('button')) button.removeAttribute('aria-disabled')
  }
})
