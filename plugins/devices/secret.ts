/** Secret scanners look for this prefix. After it comes the token of the session, 256 random bits. */
export const PREFIX = 'mezite_dev_'
const SECRET = /^mezite_dev_([A-Za-z0-9_-]{43})$/
const LONGEST = 4_096

/** What one line of a header presents. */
export type Presented = { readonly token: string } | 'malformed' | 'misplaced' | null

/** Reads a line of `Mezite-Device`. */
export const inOwnHeader = (value: string): Presented => tokenIn(value) ?? 'malformed'

/**
 * Reads a line of `Authorization` or `Mezite-Token`. Null: it has nothing of a device. `misplaced`: a secret of a device where none belongs,
 * which must not reach the app either.
 */
export function inSharedHeader(value: string): Presented {
  const line = value.slice(0, LONGEST)
  const text = basicText(line)
  if (!line.includes(PREFIX) && !text.includes(PREFIX)) return null
  const at = text.indexOf(':')
  // Some clients have one field for a secret, and send it as the user.
  const parts = at === -1 || value.length > LONGEST ? [] : [text.slice(at + 1), text.slice(0, at)]
  const secrets = parts.filter((part) => part.includes(PREFIX))
  return secrets.length === 1 ? (tokenIn(secrets[0] as string) ?? 'malformed') : 'misplaced'
}

function tokenIn(text: string): { readonly token: string } | null {
  const token = SECRET.exec(text)?.[1]
  return token === undefined ? null : { token }
}

/** What the credentials of Basic (RFC 7617) contain, also without padding or in the alphabet for URLs; empty for other text. */
function basicText(line: string): string {
  const [, credentials] = /^[ \t]*basic[ \t]+([A-Za-z0-9+/_-]+={0,2})[ \t]*$/i.exec(line) ?? []
  return credentials === undefined ? '' : Buffer.from(credentials, 'base64').toString('latin1')
}
