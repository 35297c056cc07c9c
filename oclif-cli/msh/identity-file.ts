import {
  CliError,
  type ProxyAddress,
  parseProxy,
  readPrivateFile,
  writePrivateFile,
} from '@mezite/cli-shared'
import type { Identity } from './identity.ts'
import { readUserCertificate } from './user-key.ts'

const BLOCK = /-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----/g

/**
 * Writes key, certificate and hub CA as PEM (mode 0600, atomically). The lines before the first block, which PEM
 * allows (RFC 7468 section 2), name the hub, so that the file alone is enough.
 */
export function writeIdentityFile(
  file: string,
  identity: Pick<Identity, 'key' | 'certificate' | 'hubCa' | 'proxy' | 'user' | 'expires'>,
): void {
  const { proxy, user, expires, key, certificate, hubCa } = identity
  const head = [
    'Mezite identity. Whoever has this file is that user until it expires.',
    `Hub: ${proxy.name}`,
    `User: ${encodeURI(user)}`,
    `Expires: ${new Date(expires).toISOString()}`,
  ]
  const blocks = [key, certificate, hubCa].map((pem) => pem.trim())
  writePrivateFile(file, `${[...head, ...blocks].join('\n')}\n`)
}

/** Reads such a file; `proxy` takes the place of the hub that it names. Throws `MEZ_IDENTITY_INVALID`, `MEZ_CREDENTIALS_UNSAFE`. */
export function readIdentityFile(file: string, proxy: ProxyAddress | null): Identity {
  const text = readPrivateFile(file)
  if (text === null) {
    throw new CliError('MEZ_FILE_UNREADABLE', `the identity file ${file} does not exist`)
  }
  const invalid = (what: string) => new CliError('MEZ_IDENTITY_INVALID', `the identity file ${file} ${what}`)
  const blocks = [...text.matchAll(BLOCK)].map(([block, kind]) => ({ kind, block: `${block}\n` }))
  const keys = blocks.filter(({ kind }) => kind?.endsWith('PRIVATE KEY'))
  const [certificate, ...authorities] = blocks.filter(({ kind }) => kind === 'CERTIFICATE')
  if (keys.length !== 1) throw invalid(`holds ${keys.length} keys instead of one`)
  const facts = certificate ? readUserCertificate(certificate.block) : null
  if (!certificate || !facts) throw invalid("does not begin with a user's certificate")
  if (authorities.length === 0) throw invalid('holds no authority of the hub')
  const named = /^Hub: (\S+)$/m.exec(text.slice(0, text.indexOf('-----BEGIN')))?.[1]
  if (proxy === null && named === undefined) {
    throw new CliError('MEZ_IDENTITY_INVALID', `the identity file ${file} names no hub`, {
      hint: 'Name it with --proxy HOST[:PORT] or MEZITE_PROXY.',
    })
  }
  return {
    proxy: proxy ?? parseProxy(named!),
    user: facts.user,
    cluster: facts.cluster,
    key: keys[0]!.block,
    certificate: certificate.block,
    hubCa: authorities.map(({ block }) => block).join(''),
    expires: facts.notAfter,
    sessionId: facts.sessionId,
    roles: [],
    token: null,
    ca: null,
    file,
  }
}
