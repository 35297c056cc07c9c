import { readFileSync } from 'node:fs'

const MOST_BYTES = 256 * 1024

/** An image of the operator, which pages show in an `img` element. */
export interface Logo {
  readonly type: string
  readonly extension: string
  readonly bytes: Buffer
}

const SIGNATURES: readonly (readonly [type: string, extension: string, isOne: (bytes: Buffer) => boolean])[] =
  [
    ['image/png', 'png', (bytes) => bytes.subarray(0, 8).equals(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'))],
    ['image/jpeg', 'jpg', (bytes) => bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))],
    [
      'image/webp',
      'webp',
      (bytes) => bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP',
    ],
    [
      'image/svg+xml',
      'svg',
      (bytes) => /^\uFEFF?\s*(?:<\?xml[^>]*>\s*)?(?:<!--[\s\S]*?-->\s*)*<svg[\s>]/.test(bytes.toString()),
    ],
  ]

/** Reads a logo. Throws an `Error` with the problem for a file that is too large or not an image of a known type. */
export function readLogo(file: string): Logo {
  const bytes = readFileSync(file)
  if (bytes.length > MOST_BYTES)
    throw new Error(`the image has ${bytes.length} bytes; at most ${MOST_BYTES} (256 KiB) are allowed`)
  const found = SIGNATURES.find(([, , isOne]) => isOne(bytes))
  if (found === undefined) throw new Error('the file is not a PNG, JPEG, WebP or SVG image')
  const [type, extension] = found
  return { type, extension, bytes }
}
