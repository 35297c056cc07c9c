/** A longer path would make the cookie of a sign-in larger than browsers accept. */
const MAX_PATH = 2_400

/**
 * Returns the path if it can only lead to the same host: one `/`, then printable ASCII without a backslash. Returns `/`
 * for anything else (`//host`, `/\host`, a tab that browsers drop, a URL).
 */
export function safePath(path: unknown): string {
  if (typeof path !== 'string' || path.length > MAX_PATH) return '/'
  return isLocalPath(path) ? path : '/'
}

/** A path on this very host, however a browser reads it: one leading slash, nothing that could begin an authority. */
export function isLocalPath(path: string): boolean {
  return /^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/.test(path)
}
