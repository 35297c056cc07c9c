/** What a request says about its body. */
export interface RequestFraming {
  /** Bytes of the body, null when it is chunked, undefined when there is none. */
  readonly length: number | null | undefined
  readonly expectsContinue: boolean
}

/** Why a request cannot be read in one way only. Its connection must end with the answer. */
export interface FramingFault {
  readonly status: 400 | 417 | 501
  readonly code: string
  readonly detail: string
}

/** The lines that decide, each with its repetitions joined by commas. */
export interface FramingLines {
  readonly http10: boolean
  readonly length: string | undefined
  readonly encoding: string | undefined
  readonly expect: string | undefined
}

const LENGTH = /^[0-9]{1,16}$/

/**
 * The one judge of framing on the public port (RFC 9112 section 6). Node.js has refused the worst already; it lets pass
 * codings beside `chunked`, chunks in HTTP/1.0, and expectations that only contain `100-continue`.
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
    // What does not end with `chunked` has no end that can be told.
    if (codings.at(-1)?.trim() !== 'chunked') return ambiguous()
    if (codings.length > 1) {
      const detail = 'Only the transfer coding chunked is understood.'
      return { status: 501, code: 'transfer_coding', detail }
    }
  }
  if (length !== undefined && !(LENGTH.test(length) && Number.isSafeInteger(Number(length))))
    return { status: 400, code: 'framing_invalid', detail: 'The length of the request is malformed.' }
  if (expect !== undefined && expect.trim().toLowerCase() !== '100-continue') {
    const detail = 'Only the expectation 100-continue is understood.'
    return { status: 417, code: 'expectation_failed', detail }
  }
  const size = length === undefined ? undefined : Number(length)
  return { length: encoding === undefined ? size : null, expectsContinue: expect !== undefined && !http10 }
}

function ambiguous(): FramingFault {
  return { status: 400, code: 'framing_invalid', detail: 'The length of the request is ambiguous.' }
}
