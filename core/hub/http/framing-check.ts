import type { IncomingMessage } from 'node:http'
import { Problem } from '../../api/problem.ts'
import { readFraming } from '../../wire/request-framing.ts'
import type { HostRoute } from './host-router.ts'

/** Refuses a request whose version or framing is not one that is understood (RFC 9112 sections 2.3 and 6). */
export function judgeFraming(request: IncomingMessage): HostRoute | undefined {
  const { httpVersionMajor: major, httpVersionMinor: minor, headersDistinct } = request
  if (major !== 1)
    return refused(505, 'version_unsupported', 'Only HTTP/1.1 and HTTP/1.0 are understood here.')
  const joined = (name: string): string | undefined => headersDistinct[name]?.join()
  // As lists they would be understood, but whoever stands before the hub may take the first or the last.
  if (['content-length', 'transfer-encoding'].some((name) => (headersDistinct[name]?.length ?? 0) > 1))
    return refused(400, 'framing_invalid', 'The length of the request is ambiguous.')
  const framing = readFraming({
    http10: minor === 0,
    length: joined('content-length'),
    encoding: joined('transfer-encoding'),
    expect: joined('expect'),
  })
  return 'status' in framing ? refused(framing.status, framing.code, framing.detail) : undefined
}

function refused(status: number, code: string, detail: string): HostRoute {
  return { kind: 'refused', problem: new Problem(status, code, detail) }
}
