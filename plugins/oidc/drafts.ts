import { createHash } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Clock, SecretBox } from '@mezite/core'
import { cookiesIn } from '@mezite/core/identity'
import type { ConnectorDocument } from './connector-resource.ts'
import type { Connector } from './connectors.ts'

/** A connector that nobody has saved, as the browser of its author keeps it for a test. */
export interface Draft {
  readonly connector: Connector
  /** The administrator who wrote it. */
  readonly user: string
  /** Another text has another one. */
  readonly id: string
}

const NAME = '__Host-mezite_connector_draft'
const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Lax'
const TTL_MS = 10 * 60_000
/** Browsers drop cookies of more than 4,096 bytes, name and attributes included. */
const MAX_BYTES = 3_900
const place = { table: 'oidc_drafts', id: 'cookie', purpose: 'connector-draft' }

/** Drafts of connectors. Stored only in the browser, encrypted, for ten minutes: the hub keeps nothing, and any hub can read them. */
export function createDrafts(secretBox: SecretBox, clock: Clock) {
  return {
    /** The `Set-Cookie` line of a draft. Null: it is too long for a cookie. */
    keep({ document, sealedSecret }: Connector, user: string): string | null {
      const secret = sealedSecret === null ? null : sealedSecret.toString('base64')
      const text = JSON.stringify([clock.now() + TTL_MS, user, document, secret])
      const value = secretBox.seal(place, deflateRawSync(text)).toString('base64url')
      if (value.length > MAX_BYTES) return null
      return `${NAME}=${value}; Max-Age=${TTL_MS / 1_000}; ${ATTRIBUTES}`
    },

    /** The draft in this browser. Null: none, an old one, or one that this cluster has not sealed. */
    find(cookieHeader: string | undefined): Draft | null {
      const values = [...cookiesIn(cookieHeader)].filter(([name]) => name === NAME)
      if (values.length !== 1) return null
      const [, value] = values[0]!
      try {
        const opened = inflateRawSync(secretBox.open(place, Buffer.from(value, 'base64url')))
        const [expires, user, document, secret] = JSON.parse(opened.toString('utf8')) as [
          ...[number, string, ConnectorDocument],
          string | null,
        ]
        if (expires <= clock.now()) return null
        const sealedSecret = secret === null ? null : Buffer.from(secret, 'base64')
        const connector = { name: document.metadata.name, document, sealedSecret }
        return { connector, user, id: createHash('sha256').update(value).digest('base64url') }
      } catch {
        return null
      }
    },
  }
}

export type Drafts = ReturnType<typeof createDrafts>
