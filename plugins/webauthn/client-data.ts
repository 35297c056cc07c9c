import { Problem } from '@mezite/core'

const MAX_CLIENT_DATA = 4_096

/** What a browser signed about the page that asked (WebAuthn Level 3, section 5.8.1). */
export interface Expected {
  readonly type: 'webauthn.get' | 'webauthn.create'
  readonly challenge: string
  /** Exactly this; a sibling application is same-site and still another origin. */
  readonly origin: string
}

/**
 * Checks the collected client data before anything else is parsed. A ceremony in a frame of another origin
 * (`crossOrigin`, `topOrigin`) is refused: nobody could see who asks. Throws `Problem` 400.
 */
export function checkClientData(encoded: unknown, { type, challenge, origin }: Expected): void {
  const data = read(encoded)
  if (data.type !== type) throw refused('type_wrong', 'This is the answer to another question.')
  if (data.challenge !== challenge) throw refused('challenge_wrong', 'This answers another challenge.')
  if (data.origin !== origin) throw refused('origin_wrong', 'Another page asked for this.')
  const framed = data.crossOrigin !== undefined && data.crossOrigin !== false
  if (framed || data.topOrigin !== undefined) {
    throw refused('cross_origin', 'This was asked from inside another page.')
  }
}

function read(encoded: unknown): Record<string, unknown> {
  try {
    if (typeof encoded !== 'string' || encoded.length > MAX_CLIENT_DATA) throw new Error('no text')
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(encoded, 'base64url'))
    const data: unknown = JSON.parse(text)
    if (typeof data === 'object' && data !== null && !Array.isArray(data)) return data as never
  } catch {
    // Said below.
  }
  throw refused('client_data_invalid', 'The answer of the browser cannot be read.')
}

function refused(code: string, detail: string): Problem {
  return new Problem(400, code, detail)
}
