import type { IncomingMessage, ServerResponse } from 'node:http'
import { resetSocket } from '@mezite/core/protocol'
import { type OriginNames, towardsClient } from './header-mapping.ts'

/** Sends an app's answer as it comes, event streams at once. One that breaks off breaks the client's connection too. */
export function sendAnswer(answer: IncomingMessage, outgoing: ServerResponse, names: OriginNames): void {
  const cut = (): void => {
    if (!outgoing.writableFinished && outgoing.socket) resetSocket(outgoing.socket)
  }
  outgoing.sendDate = false
  try {
    const headers = towardsClient(answer.rawHeaders, names)
    outgoing.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', headers)
    outgoing.flushHeaders()
  } catch {
    // A header that Node.js does not send on.
    answer.destroy()
    cut()
    return
  }
  answer.on('error', cut)
  answer.once('aborted', cut)
  answer.once('end', () => {
    const { rawTrailers } = answer
    if (!answer.complete || rawTrailers.length === 0) return
    const pairs = rawTrailers.flatMap((name, at): [string, string][] =>
      at % 2 === 0 ? [[name, rawTrailers[at + 1]!]] : [],
    )
    outgoing.addTrailers(pairs)
  })
  answer.pipe(outgoing)
}

/** An answer of msh itself: plain text, not to be kept. */
export function sendRefusal(outgoing: ServerResponse, status: number, text: string): void {
  outgoing.writeHead(status, { ...refusalHeaders, connection: 'close' })
  outgoing.end(`${text}\n`)
}

export const refusalHeaders = {
  'content-type': 'text/plain; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
} as const
