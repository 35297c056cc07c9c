import type { Admission } from '../../api/admission.ts'
import type { App } from '../../api/app.ts'
import type { AccessContext, ReceivedRequest } from '../../api/decision.ts'
import type { EndReason, Session } from '../../api/sessions.ts'
import type { SatisfiedRequirement, Subject } from '../../api/subject.ts'
import type { Pipe } from '../../api/tunnel.ts'
import type { RefusalRecord } from './refusal.ts'

/** A cut stream that has not closed after this time is reset. */
const CUT_MS = 1_000

const NONE: readonly Pipe[] = []

/** The part of the gate that an admission uses. */
export interface Gate {
  /** Decides again when access data has changed since the last decision. False: the admission has ended. */
  confirm(state: AdmissionState): boolean | Promise<boolean>
  touch(session: Session): void
  readonly trail: Pick<RefusalRecord, 'denied' | 'failed'>
  /** Removes it from the live streams. */
  release(state: AdmissionState): void
}

/** One request for an app, from its decision until it closes. Plugins see only its `Admission`. */
export class AdmissionState {
  readonly gate: Gate
  readonly app: App
  readonly session: Session | null
  readonly context: AccessContext
  readonly requestId: string
  /** The HTTP request, for policies that decide by it; null if there is none. */
  readonly received: ReceivedRequest | null
  verified: string | null = null
  rule: string | null = null
  subject: Subject | null
  met: readonly SatisfiedRequirement[] = []
  /** What only this request has met, for decisions that are made again. */
  own: readonly SatisfiedRequirement[] | undefined = undefined
  /** Number of the change at which it was decided. */
  revision: number
  ended: EndReason | 'closed' | null = null
  /** Its index in the live streams, which set it. */
  index = -1
  agent: string | null = null
  /** The connections that serve it: mostly one, so that no array is needed for each request. */
  #pipe: Pipe | null = null
  #earlier: readonly Pipe[] = NONE
  #stream: { cut(reason: EndReason): void } | null = null

  constructor(
    gate: Gate,
    app: App,
    session: Session | null,
    subject: Subject | null,
    context: AccessContext,
    requestId: string,
    revision: number,
    received: ReceivedRequest | null = null,
  ) {
    this.gate = gate
    this.app = app
    this.session = session
    this.subject = subject
    this.context = context
    this.requestId = requestId
    this.received = received
    this.revision = revision
  }

  /** Adds a connection that serves it. */
  carry(pipe: Pipe): void {
    this.agent = pipe.agent
    if (this.#pipe !== null) this.#earlier = [...this.#earlier, this.#pipe]
    this.#pipe = pipe
  }

  bind(stream: { cut(reason: EndReason): void }): void {
    if (this.ended === null) this.#stream = stream
    else if (this.ended !== 'closed') stream.cut(this.ended)
  }

  /** Ends access now. Called by the live streams after they have removed it. */
  cut(reason: EndReason): void {
    if (this.ended !== null) return
    this.ended = reason
    // Once an agent serves the request, its own audit event contains how it ended.
    if (this.agent === null && reason !== 'stale_view') this.gate.trail.denied(this, 'revoked')
    const pipes = this.#pipe === null ? NONE : [...this.#earlier, this.#pipe]
    const reset = () => {
      for (const pipe of pipes) pipe.destroy()
    }
    if (this.#stream === null) reset()
    else {
      if (pipes.length > 0) setTimeout(reset, CUT_MS).unref()
      this.#stream.cut(reason)
    }
  }

  close(): void {
    if (this.ended !== null) return
    this.ended = 'closed'
    this.#pipe = null
    this.#earlier = NONE
    this.gate.release(this)
  }
}

/** The state of an admission; null for anything that the gate did not grant. */
export let stateOf: (admission: unknown) => AdmissionState | null

const KEY = Symbol('gate')

/** The only class of `Admission`. Its constructor cannot be used outside this module. */
class GrantedAdmission implements Omit<Admission, symbol> {
  readonly #state: AdmissionState

  static {
    // Not a method: plugins reach the class through any admission, and the state contains what the tunnel dials.
    stateOf = (admission) => (admission instanceof Object && #state in admission ? admission.#state : null)
  }
  readonly rule: string | null

  constructor(key: typeof KEY, state: AdmissionState) {
    if (key !== KEY) throw new TypeError('admissions can only be created by access.admit')
    this.#state = state
    this.rule = state.rule
  }

  get outcome() {
    return 'admitted' as const
  }

  get app() {
    return this.#state.app
  }

  get subject() {
    return this.#state.subject
  }

  get session() {
    return this.#state.session
  }

  get verified() {
    return this.#state.verified
  }

  get context() {
    return this.#state.context
  }

  get requestId() {
    return this.#state.requestId
  }

  get met() {
    return this.#state.met
  }

  get agent() {
    return this.#state.agent
  }

  get ended() {
    return this.#state.ended
  }

  bind(stream: { cut(reason: EndReason): void }): void {
    this.#state.bind(stream)
  }

  touch(): void {
    const { ended, session, gate } = this.#state
    if (ended === null && session !== null) gate.touch(session)
  }

  deny(code: string): void {
    if (this.#state.ended !== null) return
    this.#state.gate.trail.denied(this.#state, code)
    this.#state.close()
  }

  fail(code: string, agent: string | null): void {
    if (this.#state.ended !== null) return
    this.#state.gate.trail.failed(this.#state, code, agent)
    this.#state.close()
  }

  close(): void {
    this.#state.close()
  }
}

/** For the gate only; the architecture tests check that every other room and plugin uses `Access.admit`. */
export function grant(state: AdmissionState): Admission {
  return new GrantedAdmission(KEY, state) as unknown as Admission
}
