import { type ClientHttp2Stream, constants } from 'node:http2'
import type { App } from '../../api/app.ts'
import type { AnyReason } from '../../api/reasons.ts'
import type { Pipe } from '../../api/tunnel.ts'
import { isMezError, MezError, messageOf } from '../../kernel/error.ts'
import type { ErrorCode } from '../../kernel/error-codes.ts'
import { isReasonCode } from '../../kernel/reason.ts'
import {
  AGENT_HEADER,
  ALPN_HEADER,
  DETAIL_HEADER,
  dialHeaders,
  LINK_LOST_STATUS,
  REASON_HEADER,
  readAlpn,
  readDetail,
} from '../../wire/dial-headers.ts'
import { StreamPipe } from '../../wire/stream-pipe.ts'
import { healthAlpn, requestHealth } from './health-request.ts'
import { http2Of, LiveLink } from './link.ts'
import { connectionOf, RelayedLink } from './relayed-link.ts'

/** The agent enforces the timeout; the hub adds this much for the round trip. */
const GRACE_MS = 1_000
/** How a hub resets a stream that it relays when its own link to the agent is lost. */
export const LINK_LOST_CODE = constants.NGHTTP2_INTERNAL_ERROR

/** A link of this hub, or one of another hub that relays. */
export type ServingLink = LiveLink | RelayedLink

/** Whether no other hub relays through the link. */
export const isDirect = (link: ServingLink): link is LiveLink => link instanceof LiveLink

/** What an agent is told of an app. */
export type DialledApp = Pick<App, 'name' | 'uri' | 'tls'> & {
  readonly timeouts: Pick<App['timeouts'], 'connectMs'>
}

/**
 * Opens one CONNECT stream through a link, on the one of its connections with fewer bulk transfers. `alpn` lists the protocols
 * that the agent offers in TLS, best first. Resolves once the agent has responded that it is connected.
 */
export function dialThrough(
  link: ServingLink,
  app: DialledApp,
  alpn?: readonly string[],
  counted = true,
): Promise<Pipe> {
  // The hub that relays chooses the connection.
  if (link instanceof RelayedLink) return dialOn(link, link, app, alpn, counted)
  const lane = link.companions.lane()
  const dialled = dialOn(lane, link, app, alpn, counted)
  if (lane === link) return dialled
  return dialled.catch((error: unknown) => {
    // No byte of a request has left yet.
    if (isMezError(error, 'MEZ_LINK_LOST') && link.usable) return dialOn(link, link, app, alpn, counted)
    throw error
  })
}

/** `lane`: the link itself, or its companion. */
function dialOn(
  lane: ServingLink,
  link: ServingLink,
  app: DialledApp,
  alpn: readonly string[] | undefined,
  counted: boolean,
): Promise<Pipe> {
  const { connectMs } = app.timeouts
  const tls = alpn === undefined ? app.tls : { ...app.tls, alpn }
  const headers = dialHeaders({ app: app.name, uri: app.uri, tls, connectMs })
  if (!headers) {
    return Promise.reject(
      new DialError('MEZ_DIAL_FAILED', 'uri_invalid', `${app.uri} cannot be dialled`, link.hostname),
    )
  }
  return new Promise((resolve, reject) => {
    let stream: ClientHttp2Stream
    try {
      stream =
        lane instanceof LiveLink
          ? http2Of(lane).request(headers, { endStream: false })
          : connectionOf(lane).session.request(
              { ...headers, [AGENT_HEADER]: link.hostname },
              { endStream: false },
            )
    } catch (error) {
      return reject(lost(link, messageOf(error)))
    }
    if (counted) lane.hold(stream)
    const settle = (run: () => void): void => {
      clearTimeout(deadline)
      stream.removeListener('close', onClose)
      run()
    }
    const refuse = (error: DialError): void =>
      settle(() => {
        // Nothing was sent, so an ordinary close is enough; a reset would leave the stream open that the agent has ended.
        stream.resume()
        stream.close(constants.NGHTTP2_NO_ERROR)
        reject(error)
      })
    const onClose = (): void => settle(() => reject(lost(link, 'the stream was reset')))
    const deadline = setTimeout(
      () =>
        refuse(
          new DialError(
            'MEZ_DIAL_TIMEOUT',
            'agent_timeout',
            `${link.hostname} did not respond in time`,
            link.hostname,
          ),
        ),
      connectMs + GRACE_MS,
    )
    // Kept for the life of the stream; `close` reports the failure.
    stream.on('error', () => {})
    stream.once('close', onClose)
    stream.once('response', (headers) => {
      if (headers[':status'] === 200) {
        const meter = lane instanceof LiveLink ? lane.bulk.meter() : undefined
        const pipe = new StreamPipe(stream, link.hostname, lane.budget, meter)
        pipe.alpn = readAlpn(headers[ALPN_HEADER])
        const mark = lane.idleMarker(stream)
        pipe.setIdle = (idle) => {
          mark(idle)
          // The next exchange on it starts again from zero.
          if (idle) meter?.released()
        }
        if (link instanceof RelayedLink) pipe.lostCode = LINK_LOST_CODE
        pipe.isGoing = () =>
          lane instanceof LiveLink && link instanceof LiveLink
            ? link.companions.isLeaving(lane)
            : link.retired
        return settle(() => resolve(pipe))
      }
      if (link instanceof RelayedLink && headers[':status'] === LINK_LOST_STATUS) {
        link.retired = true
        return refuse(lost(link, 'the hub that relays has none'))
      }
      const reason = reasonOf(headers[REASON_HEADER])
      const detail = readDetail(headers[DETAIL_HEADER])
      const late = reason === 'connect_timeout' || headers[':status'] === 504
      const code = late ? 'MEZ_DIAL_TIMEOUT' : 'MEZ_DIAL_FAILED'
      refuse(
        new DialError(
          code,
          reason,
          `agent ${link.hostname} cannot reach ${app.name}: ${reason}${detail === null ? '' : ` (${detail})`}`,
          link.hostname,
          detail,
        ),
      )
    })
  })
}

/**
 * Makes the agent of a link connect to an app, sends the request of `app.health`, if any, and closes the connection. Rejects
 * with a `DialError` when the app is unreachable or unhealthy. Does not return a pipe, so that a probe carries nothing else.
 */
export async function probeThrough(link: ServingLink, app: App): Promise<void> {
  // Not counted: a probe is not load.
  const pipe = await dialThrough(link, app, app.health && healthAlpn(app), false)
  try {
    const fault = app.health ? await requestHealth(pipe, app) : null
    if (fault !== null)
      throw new DialError('MEZ_DIAL_FAILED', 'unhealthy', `${app.name} through ${link.hostname}: ${fault}`)
  } finally {
    pipe.destroy()
  }
}

function lost(link: ServingLink, why: string): DialError {
  return new DialError(
    'MEZ_LINK_LOST',
    'link_lost',
    `lost the link to ${link.hostname}: ${why}`,
    link.hostname,
  )
}

/** Agents are not trusted: only text in the form of a reason code is passed on. */
const reasonOf = (value: unknown): AnyReason => (isReasonCode(value) ? value : 'refused')

/** Why a connection to an app failed. `reason` is a reason code of the agent or of the hub. */
export class DialError extends MezError {
  readonly reason: AnyReason
  /** Host name of the agent that failed to connect; null if none was asked. */
  readonly agent: string | null
  /** What the agent says about it; null: nothing. */
  readonly detail: string | null

  constructor(
    code: ErrorCode,
    reason: AnyReason,
    message: string,
    agent: string | null = null,
    detail: string | null = null,
  ) {
    super(code, message)
    this.reason = reason
    this.agent = agent
    this.detail = detail
  }
}
