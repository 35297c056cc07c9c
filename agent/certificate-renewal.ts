import { createPrivateKey, X509Certificate } from 'node:crypto'
import { type Clock, type Log, messageOf } from '@mezite/core/agent'
import type { AgentIdentity } from './agent-identity.ts'
import { makeKeyRequest } from './certificate-request.ts'
import type { Message } from './hub-link.ts'
import { validity } from './identity-store.ts'

const CHECK_MS = 60_000
/** How often a lasting refusal is logged. */
const REPEAT_MS = 3_600_000

/** Renews the certificate with a new key after two thirds of its lifetime, or when the hub requests it. */
export interface Renewal {
  /** Requests a renewal if one is due. Runs automatically every minute, and must be called when a link comes up. */
  check(): void
  /** Handles a message of the control stream. */
  receive(message: Message): void
  stop(): void
}

/** Starts watching the certificate. Calls `onRenewed` when a new one is stored. */
export function createRenewal(options: {
  readonly identity: AgentIdentity
  /** Null if there is no link for a request. */
  readonly send: () => ((message: object) => void) | null
  readonly onRenewed: () => void
  readonly clock: Clock
  readonly log: Log
}): Renewal {
  const { identity, clock, log } = options
  /** The key of the current request; empty while the key is being generated; null without a request. */
  let pending: string | null = null
  /** True when the hub's authority for agents has a new key. */
  let wanted = false
  /** When the last refusal was logged, on the monotonic clock. */
  let loggedAt = Number.NEGATIVE_INFINITY

  function check(): void {
    const { current } = identity
    const send = options.send()
    if (!current || !send || pending !== null) return
    const { from, to } = validity(current)
    if (!wanted && clock.now() < from + ((to - from) * 2) / 3) return
    pending = ''
    makeKeyRequest(current.hostname).then(
      ({ key, csr }) => {
        pending = key
        send({ type: 'renew', csr })
        // The next check retries if there is no response.
        setTimeout(() => {
          if (pending === key) pending = null
        }, CHECK_MS).unref()
      },
      (error) => {
        pending = null
        log.warn({ error: messageOf(error) }, 'certificate not renewed')
      },
    )
  }

  /** A renewal that is refused every minute is logged once an hour. */
  function refused(code: string): void {
    if (clock.monotonic() - loggedAt < REPEAT_MS) return
    loggedAt = clock.monotonic()
    const { current } = identity
    const expires = current && new Date(validity(current).to).toISOString()
    log.warn({ code, expires }, 'the hub refuses to renew the certificate')
  }

  function store(key: string, certificate: string, hubCa: unknown): void {
    const { current } = identity
    if (!current) return
    try {
      identity.replace({
        ...current,
        key,
        certificate,
        hubCa: Array.isArray(hubCa) && hubCa.length > 0 ? hubCa.map(String) : current.hubCa,
      })
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'certificate not renewed')
      return
    }
    loggedAt = Number.NEGATIVE_INFINITY
    log.info('certificate renewed')
    options.onRenewed()
  }

  const timer = setInterval(check, CHECK_MS).unref()
  return {
    check,
    receive(message) {
      if (message.type === 'renew_refused') return refused(String(message.code))
      if (message.type === 'renew_now') {
        wanted = true
        check()
        return
      }
      if (message.type !== 'certificate' || typeof message.certificate !== 'string' || !pending) return
      const key = pending
      // It may respond to a request that was given up, and the agent could never connect with the two.
      if (!isFor(key, message.certificate)) {
        log.warn({ error: 'it is not for the key of the request' }, 'certificate not renewed')
        return
      }
      pending = null
      wanted = false
      store(key, message.certificate, message.hub_ca)
    },
    stop: () => clearInterval(timer),
  }
}

function isFor(key: string, certificate: string): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}
