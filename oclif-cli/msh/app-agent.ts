import { Agent, type AgentOptions } from 'node:http'
import type { Duplex } from 'node:stream'
import type { HubLine } from './hub-connection.ts'
import { PipeDuplex } from './pipe-duplex.ts'

/** Connections of node:http to one HTTP app, over the line to the hub. An error of `open` is the request's error. */
export class AppAgent extends Agent {
  readonly #app: string
  readonly #line: Pick<HubLine, 'open'>

  constructor(app: string, line: Pick<HubLine, 'open'>, options: AgentOptions) {
    super(options)
    this.#app = app
    this.#line = line
  }

  override createConnection(
    _options: unknown,
    made?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    this.#line.open(this.#app, 'http').then(
      ({ pipe }) => made?.(null, new PipeDuplex(pipe)),
      (error: Error) => made?.(error, undefined as never),
    )
  }
}
