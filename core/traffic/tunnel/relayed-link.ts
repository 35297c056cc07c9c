import type { ClientHttp2Session } from 'node:http2'
import type { Link } from '../../api/tunnel.ts'
import type { UnreadBudget } from '../../wire/unread-budget.ts'
import { StreamCounts } from './link.ts'

/** The connection to another hub, through which its agents are reached. */
export interface RelayConnection {
  readonly session: ClientHttp2Session
  readonly budget: UnreadBudget
  /** New streams can be opened. */
  readonly usable: boolean
}

/** Not a member: plugins have the links, and must reach apps only with an admission. */
const connections = new WeakMap<RelayedLink, RelayConnection>()

/** The connection of a link, whose streams reach every agent of the other hub. */
export const connectionOf = (link: RelayedLink): RelayConnection => connections.get(link) as RelayConnection

/** What another hub says of its link to an agent. */
export interface ReportedLink extends Pick<Link, 'hostname' | 'version' | 'transport' | 'since'> {}

/** The link of another hub to an agent, which relays streams through it. A hub has thousands of them: they are small. */
export class RelayedLink extends StreamCounts implements Link {
  readonly hostname: string
  readonly version: string
  readonly transport: string
  readonly since: number
  /** The other hub has lost or replaced its link. */
  retired = false
  /** When it was last selected; spreads requests over links with equal load. */
  turn = 0
  readonly #connection: RelayConnection

  constructor(connection: RelayConnection, { hostname, version, transport, since }: ReportedLink) {
    super()
    this.#connection = connection
    connections.set(this, connection)
    this.hostname = hostname
    this.version = version
    this.transport = transport
    this.since = since
  }

  /** Only the hub with the link measures it. */
  get rttMs(): null {
    return null
  }

  /** The other hub replaces its link by itself. */
  get moving(): false {
    return false
  }

  get usable(): boolean {
    return !this.retired && this.#connection.usable
  }

  /** Whether its streams take this connection. */
  isOver(connection: RelayConnection | null): boolean {
    return this.#connection === connection
  }

  get budget(): UnreadBudget {
    return this.#connection.budget
  }
}
