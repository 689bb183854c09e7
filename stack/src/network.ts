import http from 'node:http'
import https from 'node:https'
import { connect } from 'node:net'

/** Whether something listens there; false after a second without an answer. */
export function isListening(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 })
    const answer = (listening: boolean) => {
      socket.destroy()
      resolve(listening)
    }
    socket.once('connect', () => answer(true))
    socket.once('timeout', () => answer(false))
    socket.once('error', () => answer(false))
  })
}

/** Whether the URL of a part of ours answers 200 within 2 s. */
export async function answersOk(url: string): Promise<boolean> {
  const response = await answerOf(url)
  response.destroy()
  return response.statusCode === 200
}

/** What a URL of a part of ours answers within 2 s. Its certificate may be for another name than this address. */
export function answerOf(url: string): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const get = url.startsWith('https:') ? https.get : http.get
    const options = { agent: false, rejectUnauthorized: false, signal: AbortSignal.timeout(2_000) }
    get(url, options, resolve).once('error', reject)
  })
}
