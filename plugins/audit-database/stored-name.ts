/** Far more than a name needs, and far less than an index entry can contain, in any script. */
const LONGEST = 200

/**
 * The name of a user or an app as stored in the columns that filters use: only the beginning of a long one, and never half a
 * surrogate pair.
 */
export function filedName(name: string): string {
  if (name.length <= LONGEST) return name
  const end = /[\ud800-\udbff]/.test(name[LONGEST - 1] ?? '') ? LONGEST - 1 : LONGEST
  return name.slice(0, end)
}

/** Whether a column matches the event. An empty name is stored as NULL; older hubs stored long names in full. */
export function isFiledAs(filed: string | null, stored: unknown): boolean {
  const name = typeof stored === 'string' ? stored : ''
  return (filed ?? '') === filedName(name) || filed === name
}
