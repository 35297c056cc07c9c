import { createHash } from 'node:crypto'

/** What a person signs. Its canonical encoding is that of RFC 8785: members sorted, no spaces, texts and whole numbers only. */
export interface Intent {
  readonly app: string
  readonly app_id: string
  readonly body_bytes: number
  /** SHA-256 in hexadecimal, like the other digests. */
  readonly body_sha256: string
  /** The person, or whom the program acts for. */
  readonly caller: string
  readonly content_type: string | null
  /** The sign-in host with its port, whose passkeys sign. */
  readonly domain: string
  /** Names the intent: 128 random bits. */
  readonly id: string
  readonly method: string
  /** As received, without the query. */
  readonly path: string
  /** Queries can contain secrets, so that only their digest is signed and recorded; null without one. */
  readonly query_sha256: string | null
  /** When the request came, ISO 8601. */
  readonly time: string
  readonly type: 'mezite-intent/1'
}

/** The bytes whose SHA-256 is the challenge of the passkey. */
export function canonical(intent: Intent): Buffer {
  const sorted = Object.entries(intent).sort(([a], [b]) => (a < b ? -1 : 1))
  return Buffer.from(JSON.stringify(Object.fromEntries(sorted)))
}

export const sha256 = (bytes: Uint8Array | string): Buffer => createHash('sha256').update(bytes).digest()

/** The longest text of a field of an event. */
const PART = 1_000

/** A text as fields of an event: `name`, `name_2`, … */
export function fieldsOf(name: string, text: string): Record<string, string> {
  const parts = text.match(new RegExp(`.{1,${PART}}`, 'gs')) ?? []
  return Object.fromEntries(parts.map((part, at) => [at === 0 ? name : `${name}_${at + 1}`, part]))
}

/** A target without its query. */
export const pathOf = (target: string): string => target.split('?', 1)[0] as string
