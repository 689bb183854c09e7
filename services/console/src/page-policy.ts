import type { onRequestHookHandler } from 'fastify'

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** What a page may load and do: only what comes from the console itself, and nothing inline, so that foreign text runs nowhere. */
export const pagePolicy: onRequestHookHandler = (_request, reply, done) => {
  reply.header('content-security-policy', policy).header('referrer-policy', 'same-origin')
  done()
}
