import { isMap, parseDocument } from 'yaml'

/** The text of a field; empty for anything else. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** The text with another value at this path; undefined takes it away, with what is empty then. */
export function changed(text: string, path: readonly string[], value: unknown): string {
  const document = parseDocument(text)
  if (value === undefined) {
    document.deleteIn(path)
    const above = path.slice(0, -1)
    const left = document.getIn(above)
    if (above.length > 1 && isMap(left) && left.items.length === 0) document.deleteIn(above)
    return document.toString({ lineWidth: 0 })
  }
  // Without a value, `allow:` cannot take a member yet.
  for (let length = 1; length < path.length; length++) {
    const above = path.slice(0, length)
    if (!isMap(document.getIn(above))) document.setIn(above, document.createNode({}))
  }
  document.setIn(path, value)
  return document.toString({ lineWidth: 0 })
}
