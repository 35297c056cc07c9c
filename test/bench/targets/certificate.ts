import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

export interface CertificateFiles {
  readonly keyFile: string
  readonly certFile: string
}

/** A self-signed P-256 certificate for the baselines, of the kind that the hub makes for itself. */
export function makeCertificate(dir: string): CertificateFiles {
  const files = { keyFile: join(dir, 'baseline-key.pem'), certFile: join(dir, 'baseline.pem') }
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
      ...['-subj', '/CN=baseline.localhost', '-keyout', files.keyFile, '-out', files.certFile],
    ],
    { stdio: 'ignore' },
  )
  return files
}
