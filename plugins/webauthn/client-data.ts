import { Problem } from '@mezite/core'

const MAX_CLIENT_DATA = 4_096

/** The browser's signed statement about the calling page (WebAuthn Level 3, section 5.8.1). */
export interface Expected {
  readonly type: 'webauthn.get' | 'webauthn.create'
  readonly challenge: string
  /** Compared exactly: a sibling application is same-site but has another origin. */
  readonly origin: string
}

/**
 * Checks the collected client data before anything else is parsed. A ceremony in a frame of another origin
 * (`crossOrigin`, `topOrigin`) is refused, because the person could not see which page asks. Throws `Problem` 400.
 */
export function checkClientData(encoded: unknown, { type, challenge, origin }: Expected): void {
  const data = read(encoded)
  if (data.type !== type) throw refused('type_wrong', 'This response is of the wrong type.')
  if (data.challenge !== challenge)
    throw refused('challenge_wrong', 'This response is for another challenge.')
  if (data.origin !== origin) throw refused('origin_wrong', 'This response is for another page.')
  const framed = data.crossOrigin !== undefined && data.crossOrigin !== false
  if (framed || data.topOrigin !== undefined) {
    throw refused('cross_origin', 'This page must not be inside another page. Open it in its own tab.')
  }
}

function read(encoded: unknown): Record<string, unknown> {
  try {
    if (typeof encoded !== 'string' || encoded.length > MAX_CLIENT_DATA) throw new Error('no text')
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(encoded, 'base64url'))
    const data: unknown = JSON.parse(text)
    if (typeof data === 'object' && data !== null && !Array.isArray(data)) return data as never
  } catch {
    // Reported below.
  }
  throw refused('client_data_invalid', 'The response of the browser is invalid.')
}

function refused(code: string, detail: string): Problem {
  return new Problem(400, code, detail)
}
