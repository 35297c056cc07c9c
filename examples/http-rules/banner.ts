import type { BodyTransform } from '@mezite/core/types'

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
/** Within so many bytes a page must have begun its body. */
const HEAD_BYTES = 64 * 1024

/** Puts a line at the top of a page while it passes. */
export function bannerLine(text: string): BodyTransform {
  const line = Buffer.from(`<div role="note">${escaped(text)}</div>`)
  // What has come of the page before its body begins; null once the line is in.
  let held: Buffer | null = Buffer.alloc(0)
  return {
    maxBytes: 2 * HEAD_BYTES,
    write(chunk) {
      if (held === null) return chunk
      const bytes: Buffer = Buffer.concat([held, chunk])
      const body = /<body[^>]*>/i.exec(bytes.toString('latin1'))
      if (body === null && bytes.length < HEAD_BYTES) {
        held = bytes
        return Buffer.alloc(0)
      }
      held = null
      const at = body === null ? 0 : body.index + body[0].length
      return Buffer.concat([bytes.subarray(0, at), line, bytes.subarray(at)])
    },
    end: () => (held === null ? Buffer.alloc(0) : Buffer.concat([line, held])),
  }
}
