import { type Clock, type Log, messageOf } from '@mezite/core/agent'
import type { AgentIdentity } from './agent-identity.ts'
import { makeKeyRequest } from './certificate-request.ts'
import type { Message } from './hub-link.ts'
import { validity } from './identity-store.ts'

const CHECK_MS = 60_000

/** Asks for a new certificate, with a new key, at two thirds of the life of the present one, or when the hub wants it. */
export interface Renewal {
  /** Asks if it is time. Called by itself every minute, and whenever a link comes up. */
  check(): void
  /** What the hub says on the control stream. */
  told(message: Message): void
  stop(): void
}

/** Starts to watch the certificate. `onRenewed` when a new one is stored. */
export function createRenewal(options: {
  readonly identity: AgentIdentity
  /** Null: there is no link to ask on. */
  readonly send: () => ((message: object) => void) | null
  readonly onRenewed: () => void
  readonly clock: Clock
  readonly log: Log
}): Renewal {
  const { identity, clock, log } = options
  /** The key that was sent; empty while one is being made; null when nothing is asked. */
  let pending: string | null = null
  /** The hub has said that its authority for agents has another key. */
  let wanted = false

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
        // Without an answer another try is due later.
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

  const timer = setInterval(check, CHECK_MS).unref()
  return {
    check,
    told(message) {
      if (message.type === 'renew_refused') {
        log.warn({ code: String(message.code) }, 'the hub does not renew the certificate')
        return
      }
      if (message.type === 'renew_now') {
        wanted = true
        check()
        return
      }
      const { certificate, hub_ca: hubCa } = message
      const { current } = identity
      if (message.type !== 'certificate' || typeof certificate !== 'string' || !current || !pending) return
      const key = pending
      pending = null
      wanted = false
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
      log.info('certificate renewed')
      options.onRenewed()
    },
    stop: () => clearInterval(timer),
  }
}
