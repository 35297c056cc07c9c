/** One field of a query or form: a string, or undefined when it is missing or duplicated. */
export function queryField(query: unknown, name: string): string | undefined {
  if (typeof query !== 'object' || query === null || !Object.hasOwn(query, name)) return undefined
  const value = (query as Record<string, unknown>)[name]
  return typeof value === 'string' ? value : undefined
}
