/**
 * Maps each URI in the value of a header, by its lower-case name: the whole value of `Location`, `Content-Location`,
 * `Destination`, `Origin`, `Referer` and the like; the URIs in `<…>` of `Link` (RFC 8288 section 3); the `url=` of
 * `Refresh` (HTML standard, 4.2.5.3), with or without quotes.
 */
export function mapUris(name: string, value: string, map: (uri: string) => string): string {
  if (name === 'link') return value.replace(/<([^<>]*)>/g, (_, uri: string) => `<${map(uri)}>`)
  if (name !== 'refresh') return map(value)
  const [whole = '', before = '', uri = ''] =
    /^([^;,]*[;,][\t ]*(?:url[\t ]*=[\t ]*)?["']?)([^"']*)/i.exec(value) ?? []
  return whole === '' ? value : before + map(uri) + value.slice(whole.length)
}
