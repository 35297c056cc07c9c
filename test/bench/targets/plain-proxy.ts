import type { Children } from '../children.ts'
import type { Target } from '../target.ts'
import type { CertificateFiles } from './certificate.ts'

export const PLAIN = 'plain Node proxy'
export const PLAIN_HTTP2 = 'plain node:http2 proxy'

/** TLS and `http.Agent` in one Node process, no tunnel. */
export const startPlainProxy = (
  children: Children,
  certificate: CertificateFiles,
  upstreamPort: number,
): Promise<Target> => start(children, certificate, upstreamPort, 'plain-proxy', PLAIN)

/** The same over HTTP/2. */
export const startPlainHttp2Proxy = (
  children: Children,
  certificate: CertificateFiles,
  upstreamPort: number,
): Promise<Target> => start(children, certificate, upstreamPort, 'plain-http2-proxy', PLAIN_HTTP2)

async function start(
  children: Children,
  { keyFile, certFile }: CertificateFiles,
  upstreamPort: number,
  program: string,
  name: string,
): Promise<Target> {
  const { child, first } = await children.program<{ port: number }>(
    program,
    ...[keyFile, certFile, String(upstreamPort)],
  )
  return {
    name,
    port: first.port,
    host: 'baseline.localhost',
    cookie: null,
    includes: 'TLS, no tunnel, no sign-in, no record',
    processes: { proxy: child.pid ?? 0 },
  }
}
