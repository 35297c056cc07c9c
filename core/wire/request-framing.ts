/** How the body of a request is framed. */
export interface RequestFraming {
  /** Length of the body in bytes; null when it is chunked, undefined when there is none. */
  readonly length: number | null | undefined
  readonly expectsContinue: boolean
}

/** Why the framing of a request is invalid or ambiguous. Its connection must close after the response. */
export interface FramingFault {
  readonly status: 400 | 417 | 501
  readonly code: string
  readonly detail: string
}

/** The header lines that determine the framing, repeated lines joined by commas. */
export interface FramingLines {
  readonly http10: boolean
  readonly length: string | undefined
  readonly encoding: string | undefined
  readonly expect: string | undefined
}

const LENGTH = /^[0-9]{1,16}$/

/**
 * Checks all framing on the public port (RFC 9112 section 6). Node.js has already rejected the worst, but it accepts
 * other codings next to `chunked`, chunks in HTTP/1.0, and expectations that only contain `100-continue`.
 */
export function readFraming({
  http10,
  length,
  encoding,
  expect,
}: FramingLines): RequestFraming | FramingFault {
  if (encoding !== undefined) {
    if (http10 || length !== undefined) return ambiguous()
    const codings = encoding.toLowerCase().split(',')
    // Unless `chunked` is the last coding, the end of the body cannot be determined.
    if (codings.at(-1)?.trim() !== 'chunked') return ambiguous()
    if (codings.length > 1) {
      const detail = 'Only the transfer coding "chunked" is supported.'
      return { status: 501, code: 'transfer_coding', detail }
    }
  }
  if (length !== undefined && !(LENGTH.test(length) && Number.isSafeInteger(Number(length))))
    return { status: 400, code: 'framing_invalid', detail: 'The length of the request is malformed.' }
  if (expect !== undefined && expect.trim().toLowerCase() !== '100-continue') {
    const detail = 'Only the expectation "100-continue" is supported.'
    return { status: 417, code: 'expectation_failed', detail }
  }
  const size = length === undefined ? undefined : Number(length)
  return { length: encoding === undefined ? size : null, expectsContinue: expect !== undefined && !http10 }
}

function ambiguous(): FramingFault {
  return { status: 400, code: 'framing_invalid', detail: 'The length of the request is ambiguous.' }
}
