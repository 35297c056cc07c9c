/** The gRPC status for each HTTP status of an error (gRPC, "HTTP to gRPC Status Code Mapping"); any other is UNKNOWN. */
const CODES: Readonly<Record<number, number>> = {
  400: 13,
  401: 16,
  403: 7,
  404: 12,
  429: 14,
  502: 14,
  503: 14,
  504: 14,
}
const UNKNOWN = 2

/** Whether a request with these header lines (name and value in turn) is a gRPC call. gRPC-Web is not: browsers send it. */
export function isGrpcCall(lines: readonly string[]): boolean {
  for (let i = 0; i + 1 < lines.length; i += 2) {
    if (lines[i]?.length !== 12 || lines[i]?.toLowerCase() !== 'content-type') continue
    return /^application\/grpc(?:[+; \t]|$)/i.test(lines[i + 1] as string)
  }
  return false
}

/**
 * The header lines of a response that ends a gRPC call with an error: without a body, on HTTP status 200 ("Trailers-Only" in
 * "gRPC over HTTP/2"). `status` is the HTTP status that another client would get.
 */
export function grpcErrorLines(status: number, message: string): string[] {
  const code = String(CODES[status] ?? UNKNOWN)
  return ['Content-Type', 'application/grpc', 'Grpc-Status', code, 'Grpc-Message', encoded(message)]
}

/** Percent-encodes what is not printable ASCII, as in `Grpc-Message`. */
function encoded(text: string): string {
  let made = ''
  for (const byte of Buffer.from(text, 'utf8')) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x25
    made += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return made
}
