import type { ServerHttp2Stream } from 'node:http2'
import { messageOf } from '@mezite/core'
import {
  type Admission,
  type EndReason,
  type Pipe,
  resetStream,
  StreamPipe,
  type UnreadBudget,
} from '@mezite/core/protocol'
import type { Deps } from './deps.ts'
import { dialFailure, refuseStream } from './stream-refusal.ts'

/** Why a connection ended, in the audit. */
export type ConnectionEnd =
  | EndReason
  | 'closed'
  | 'client_reset'
  | 'client_lost'
  | 'app_reset'
  | 'agent_lost'
  | 'hub_stopping'

export interface ConnectionOptions {
  readonly deps: Deps
  readonly stream: ServerHttp2Stream
  readonly admission: Admission
  /** The client's whole connection is gone, not just this stream. */
  readonly clientLost: () => boolean
  /** Unread bytes that all streams of the client's connection may hold together. */
  readonly budget: UnreadBudget
  readonly onOver: (connection: AppConnection) => void
}

/**
 * One admitted connection of a person to a TCP application, from the dial to the last record. Each side closes its own
 * direction; a reset of one side resets the other side; a slow reader on one side pauses the other side.
 */
export class AppConnection {
  readonly #options: ConnectionOptions
  #client: StreamPipe | null = null
  #app: Pipe | null = null
  #bytesIn = 0
  #bytesOut = 0
  #startedAt = 0
  #seenBytes = -1
  #activeAt: number
  #closedSides = 0
  #over = false

  constructor(options: ConnectionOptions) {
    const { deps, admission, stream } = options
    this.#options = options
    this.#activeAt = deps.clock.monotonic()
    stream.once('close', this.#goneEarly)
    admission.bind(this)
    Promise.resolve(deps.tunnel.open(admission)).then(
      (pipe) => this.#opened(pipe),
      (error: unknown) => this.#failed(error),
    )
  }

  /** Ends both directions at once, as a reset. A client that is not connected yet reads that its access has ended. */
  cut(reason: ConnectionEnd): void {
    const { stream, admission } = this.#options
    const early = this.#app === null && admission.ended !== null
    this.#finish(reason)
    if (early) refuseStream(stream, { status: 403, reason: 'revoked' })
    else resetStream(stream)
  }

  /** Compares the byte counts with those of the last sweep: closes an idle connection, and counts use of the session. */
  sweep(now: number): void {
    if (this.#app === null) return
    const bytes = this.#bytesIn + this.#bytesOut
    const { admission } = this.#options
    const { app } = admission
    if (bytes !== this.#seenBytes) {
      this.#seenBytes = bytes
      this.#activeAt = now
      admission.touch()
    } else if (now - this.#activeAt >= app.timeouts.idleMs) this.cut('idle')
  }

  readonly #goneEarly = (): void => this.#finish('client_reset')

  #failed(error: unknown): void {
    if (this.#over) return
    const { deps, stream, admission } = this.#options
    stream.removeListener('close', this.#goneEarly)
    const { app, session, requestId } = admission
    deps.log.info(
      { app: app.name, session: session?.id, request_id: requestId, error: messageOf(error) },
      'failed to connect to an application',
    )
    const failure = dialFailure(error)
    admission.fail(failure.reason, failure.agent)
    this.#finish('agent_lost')
    refuseStream(stream, failure)
  }

  #opened(pipe: Pipe): void {
    const { deps, stream, admission } = this.#options
    if (this.#over || stream.destroyed || stream.closed) {
      pipe.onclose = () => {}
      pipe.destroy()
      this.#finish('client_reset')
      return
    }
    stream.removeListener('close', this.#goneEarly)
    this.#app = pipe
    this.#startedAt = deps.clock.monotonic()
    this.#activeAt = this.#startedAt
    const event = this.#event('app.session.start', {})
    deps.audit.record(event)
    deps.open.opened(admission.requestId, event)
    this.#splice(pipe)
  }

  #splice(app: Pipe): void {
    const { stream } = this.#options
    app.onclose = (error) => this.#appClosed(error)
    stream.respond({ ':status': 200 }, { endStream: false })
    const client = new StreamPipe(stream, app.agent, this.#options.budget)
    this.#client = client
    client.ondata = (chunk) => {
      if (this.#over) return
      this.#bytesIn += chunk.length
      if (!app.write(chunk)) client.pause()
    }
    app.ondrain = () => client.resume()
    client.onend = () => app.end()
    app.ondata = (chunk) => {
      if (this.#over) return
      this.#bytesOut += chunk.length
      if (!client.write(chunk)) app.pause()
    }
    client.ondrain = () => app.resume()
    app.onend = () => client.end()
    client.onclose = (error) => this.#clientClosed(error)
  }

  #appClosed(error: Error | null): void {
    if (error === null) return void this.#sideClosed()
    if (this.#over) return
    this.#finish((error as NodeJS.ErrnoException).code === 'MEZ_LINK_LOST' ? 'agent_lost' : 'app_reset')
    this.#client?.destroy()
  }

  #clientClosed(error: Error | null): void {
    if (error === null) this.#sideClosed()
    else this.#finish(this.#options.clientLost() ? 'client_lost' : 'client_reset')
  }

  #sideClosed(): void {
    this.#closedSides += 1
    if (this.#closedSides === 2) this.#finish('closed')
  }

  #finish(reason: ConnectionEnd): void {
    if (this.#over) return
    this.#over = true
    const { deps, admission, onOver } = this.#options
    admission.close()
    onOver(this)
    if (this.#app === null) return
    this.#app.destroy()
    const { ended, received, sent } = deps.counts
    ended.value += 1
    received.value += this.#bytesIn
    sent.value += this.#bytesOut
    const end = this.#event('app.session.end', {
      bytes_in: this.#bytesIn,
      bytes_out: this.#bytesOut,
      duration_ms: Math.round(deps.clock.monotonic() - this.#startedAt),
      end_reason: reason,
    })
    deps.open.closed(admission.requestId, end)
  }

  #event(type: string, more: Readonly<Record<string, string | number>>) {
    const { app, session, subject, context, requestId, agent } = this.#options.admission
    return {
      type,
      success: true,
      user: subject?.user ?? null,
      roles: subject?.roles ?? null,
      grants: subject?.grants,
      actsFor: subject?.actsFor,
      clientIp: context.clientIp,
      sessionId: session?.id ?? null,
      requestId,
      fields: { app: app.name, app_id: app.id, protocol: 'tcp', agent, ...more },
    }
  }
}
