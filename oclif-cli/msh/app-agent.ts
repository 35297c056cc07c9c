import { Agent, type AgentOptions } from 'node:http'
import type { Duplex } from 'node:stream'
import { PipeDuplex } from '@mezite/core/protocol'
import type { HubConnection } from './hub-connection.ts'

/** An agent of node:http whose connections go to one HTTP app through the hub. A failed `open` fails the request. */
export class AppAgent extends Agent {
  readonly #app: string
  readonly #hub: Pick<HubConnection, 'open'>

  constructor(app: string, hub: Pick<HubConnection, 'open'>, options: AgentOptions) {
    super(options)
    this.#app = app
    this.#hub = hub
  }

  override createConnection(
    _options: unknown,
    callback?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    this.#hub.open(this.#app, 'http').then(
      ({ pipe }) => callback?.(null, new PipeDuplex(pipe)),
      (error: Error) => callback?.(error, undefined as never),
    )
  }
}
