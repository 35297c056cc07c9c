import { createHash } from 'node:crypto'

const KEY = /^[A-Za-z0-9+/]{22}==$/
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** Whether a request is a handshake that an app can accept (RFC 6455 section 4.2.1). */
export function asksForWebSocket(lines: readonly string[]): boolean {
  const [key, second] = valuesOf(lines, 'sec-websocket-key')
  const [version] = valuesOf(lines, 'sec-websocket-version')
  return key !== undefined && second === undefined && KEY.test(key) && version === '13'
}

/** Whether a 101 really accepts this handshake (RFC 6455 section 4.1): exact upgrade token, exact accept value. */
export function acceptsWebSocket(
  head: { readonly lines: readonly string[] },
  requestLines: readonly string[],
): boolean {
  const expected = createHash('sha1')
    .update(valuesOf(requestLines, 'sec-websocket-key').join() + GUID)
    .digest('base64')
  const accept = valuesOf(head.lines, 'sec-websocket-accept')
  const upgrade = valuesOf(head.lines, 'upgrade')
  const connection = valuesOf(head.lines, 'connection')
    .join()
    .toLowerCase()
    .split(/[ \t,]+/)
  return (
    accept.length === 1 &&
    accept[0] === expected &&
    upgrade.length === 1 &&
    upgrade[0]?.toLowerCase() === 'websocket' &&
    connection.includes('upgrade')
  )
}

/** The 101 towards the browser, given the app's lines as the browser may see them. */
export function switchingHead(lines: readonly string[]): string {
  let text = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
  for (let i = 0; i + 1 < lines.length; i += 2)
    if ((lines[i] as string).toLowerCase() !== 'content-length') text += `${lines[i]}: ${lines[i + 1]}\r\n`
  return `${text}\r\n`
}

function valuesOf(lines: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let i = 0; i + 1 < lines.length; i += 2)
    if ((lines[i] as string).toLowerCase() === name) values.push(lines[i + 1] as string)
  return values
}
