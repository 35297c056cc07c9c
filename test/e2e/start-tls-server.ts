import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'

/** An HTTPS server under the name `ledger.test`, with a certificate of its own; says what it was asked. */
export async function startTlsServer(dir: string) {
  const [key, cert] = [join(dir, 'ledger.key'), join(dir, 'ledger.pem')]
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
      ...[
        '-subj',
        '/CN=ledger.test',
        '-addext',
        'subjectAltName=DNS:ledger.test',
        '-keyout',
        key,
        '-out',
        cert,
      ],
    ],
    { stdio: 'ignore' },
  )
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    request.on('end', () => {
      const { servername } = request.socket as TLSSocket & { servername: string }
      const seen = bytes > 0 ? `: ${bytes}` : ''
      response.end(`${request.method} ${request.headers.host} by ${servername}${seen}`)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  return { port: (server.address() as AddressInfo).port, caFile: cert, close }
}
