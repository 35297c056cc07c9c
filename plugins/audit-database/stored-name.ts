/** Far more than a name needs, and far less than an entry of an index can hold, whatever the letters. */
const LONGEST = 200

/**
 * What the name of a user or an app is filed under in the columns that filters use: of a long one the beginning, and
 * never half a surrogate pair.
 */
export function filedName(name: string): string {
  if (name.length <= LONGEST) return name
  const end = /[\ud800-\udbff]/.test(name[LONGEST - 1] ?? '') ? LONGEST - 1 : LONGEST
  return name.slice(0, end)
}

/** Whether a column says what the event says. An empty name is filed as none; older hubs filed long ones whole. */
export function isFiledAs(filed: string | null, said: unknown): boolean {
  const name = typeof said === 'string' ? said : ''
  return (filed ?? '') === filedName(name) || filed === name
}
