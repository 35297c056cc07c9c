import type { Server } from 'node:net'
import { CliError, type HubClient } from '@mezite/cli-shared'
import { findApp } from './app-lookup.ts'
import { serveHttp } from './http-listener.ts'
import type { HubLine } from './hub-connection.ts'
import type { AppProtocol } from './hub-stream.ts'
import type { Identity } from './identity.ts'
import { listenLoopback } from './loopback-listener.ts'
import type { PortMemory } from './port-memory.ts'
import { serveTcp } from './tcp-listener.ts'

/** An app with its port on this machine. */
export interface OpenApp {
  readonly app: string
  readonly protocol: AppProtocol
  readonly port: number
}

/**
 * Connects, asks for each app whether it is open to this person, and then listens. Throws `CliError` for the first app
 * that is not; nothing listens then. A failure leaves closing to the caller's end.
 */
export async function openApps(options: {
  readonly apps: readonly string[]
  /** For a single app; null: the one that it had the last time, or a free one. */
  readonly port: number | null
  readonly identity: Identity
  readonly client: HubClient | null
  readonly line: HubLine
  readonly ports: PortMemory
  readonly note: (text: string) => void
}): Promise<readonly OpenApp[]> {
  const { apps, identity, client, line, ports, note } = options
  await line.connect()
  const found = await Promise.all(apps.map((app) => findApp({ app, client, line })))
  const opened: OpenApp[] = []
  for (const { app, protocol, publicHost } of found) {
    const make = (): Server =>
      protocol === 'tcp' ? serveTcp({ app, line, note }) : serveHttp({ app, publicHost, line, note })
    const port = await listen(make, options.port, ports.get(identity.proxy.name, app))
    try {
      ports.put(identity.proxy.name, app, port)
    } catch (error) {
      note(`The port of ${app} is not remembered: ${(error as Error).message}`)
    }
    opened.push({ app, protocol, port })
  }
  return opened
}

/** A port that was asked for must be free; the one of the last time may be taken by now. */
async function listen(make: () => Server, asked: number | null, last: number | null): Promise<number> {
  if (asked !== null) return listenLoopback(make(), asked)
  try {
    if (last !== null) return await listenLoopback(make(), last)
  } catch (error) {
    if (!(error instanceof CliError && error.code === 'MEZ_PORT_TAKEN')) throw error
  }
  return listenLoopback(make(), 0)
}
