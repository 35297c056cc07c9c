import type { Children } from '../children.ts'
import type { Target } from '../target.ts'
import type { CertificateFiles } from './certificate.ts'

export const PLAIN = 'plain Node proxy'

/** TLS and `http.Agent` in one Node process, no tunnel. */
export async function startPlainProxy(
  children: Children,
  { keyFile, certFile }: CertificateFiles,
  upstreamPort: number,
): Promise<Target> {
  const { child, first } = await children.program<{ port: number }>(
    'plain-proxy',
    ...[keyFile, certFile, String(upstreamPort)],
  )
  return {
    ...{ name: PLAIN, port: first.port, host: 'baseline.localhost', cookie: null },
    processes: { proxy: child.pid ?? 0 },
  }
}
