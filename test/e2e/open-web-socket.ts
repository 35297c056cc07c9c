import { WebSocket } from 'ws'
import type { Visitor } from '../../core/testing/index.ts'
import { lookupLocalhost } from '../../core/wire/localhost-lookup.ts'

/** A WebSocket with the visitor's cookies for the app; resolves when it is open, rejects with the refusal. */
export function openWebSocket(
  visitor: Visitor,
  appUrl: string,
  path = '/',
  headers: Readonly<Record<string, string>> = {},
): Promise<WebSocket> {
  const { host, origin } = new URL(appUrl)
  const socket = new WebSocket(`wss://${host}${path}`, {
    ca: visitor.ca,
    lookup: lookupLocalhost,
    origin,
    headers: { cookie: visitor.cookies(host) ?? '', ...headers },
  })
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('open', () => resolve(socket))
  })
}
