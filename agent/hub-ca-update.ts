import { createHash, X509Certificate } from 'node:crypto'
import { type Log, messageOf } from '@mezite/core/agent'
import type { AgentIdentity } from './agent-identity.ts'
import type { Message } from './hub-link.ts'

const MOST = 8

/**
 * Stores the hub authorities that a hub announces on an authenticated link: the old and the new key of the hub CA during
 * a rotation, and only the new one afterwards. Acknowledges them once they are stored.
 */
export function updateHubCa(
  message: Message,
  options: {
    readonly identity: AgentIdentity
    readonly send: (message: object) => void
    readonly log: Log
  },
): void {
  const { identity, log } = options
  const { current } = identity
  if (message.type !== 'hub_ca' || !Array.isArray(message.hub_ca) || !current) return
  try {
    const hubCa = message.hub_ca.map(String)
    if (hubCa.length === 0 || hubCa.length > MOST) throw new Error(`${hubCa.length} certificates`)
    const pins = hubCa.map(pinOf)
    if (`${hubCa}` !== `${current.hubCa}`) {
      identity.replace({ ...current, hubCa })
      log.info({ pins }, 'hub authorities updated')
    }
    options.send({ type: 'hub_ca_stored', pins })
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'failed to update the hub authorities')
  }
}

function pinOf(pem: string): string {
  const { publicKey, ca } = new X509Certificate(pem)
  if (!ca) throw new Error('a certificate is not an authority')
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`
}
