/** Whether a route pattern (`/apps/:name`, `/files/*`) matches the path. Used only to distinguish 405 from 404. */
export function matchesPattern(pattern: string, path: string): boolean {
  const wanted = pattern.split('/')
  const given = path.split('/')
  for (const [index, part] of wanted.entries()) {
    if (part === '*') return true
    const there = given[index]
    if (there === undefined) return false
    if (part.startsWith(':') ? there === '' : part !== there) return false
  }
  return wanted.length === given.length
}
