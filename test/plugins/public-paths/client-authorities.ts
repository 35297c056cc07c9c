/** Certificate authorities of senders, and certificates that are right or wrong in one way each, made by openssl. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a client presents: names of files for curl, and what is in them for Node.js. */
export interface Presented {
  readonly certFile: string
  readonly keyFile: string
  readonly cert: string
  readonly key: string
}

const CA = 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign'
const CLIENT = 'basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth'

/** Makes certificates in the folder. */
export function clientAuthorities(folder: string) {
  const at = (name: string, end: string) => join(folder, `${name}.${end}`)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })

  /** `issuer` null: it issues itself. `chain`: those that are sent with it. */
  function issue(
    name: string,
    issuer: string | null,
    extensions: string,
    { dates = ['-days', '2'], chain = [] as readonly string[] } = {},
  ): Presented {
    const [certFile, keyFile] = [at(name, 'pem'), at(name, 'key')]
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile]
    openssl('req', ...key, '-subj', `/O=Example/CN=${name}`, '-out', at(name, 'csr'))
    writeFileSync(at(name, 'ext'), extensions)
    const signer =
      issuer === null
        ? ['-signkey', keyFile]
        : ['-CA', at(issuer, 'pem'), '-CAkey', at(issuer, 'key'), '-CAcreateserial']
    const request = ['x509', '-req', '-in', at(name, 'csr'), '-extfile', at(name, 'ext')]
    openssl(...request, ...signer, ...dates, '-out', certFile)
    const whole = [name, ...chain].map((one) => readFileSync(at(one, 'pem'), 'utf8')).join('')
    writeFileSync(certFile, whole)
    return { certFile, keyFile, cert: whole, key: readFileSync(keyFile, 'utf8') }
  }

  const named = (names: string) => `${CLIENT}\nsubjectAltName=${names}`
  const right = named('DNS:ci.example.com')
  for (const root of ['partners', 'strangers']) issue(root, null, CA)
  issue('branch', 'partners', CA)
  const between = (notBefore: string, notAfter: string) => ({
    dates: ['-not_before', notBefore, '-not_after', notAfter],
  })
  return {
    file: (name: string) => at(name, 'pem'),
    read: (name: string) => readFileSync(at(name, 'pem'), 'utf8'),
    issue,
    right: issue('right', 'partners', right),
    /** Of another authority that the configuration knows. */
    stranger: issue('stranger', 'strangers', right),
    ofBranch: issue('of-branch', 'branch', right, { chain: ['branch'] }),
    others: {
      'of the branch, without its certificate': issue('lost', 'branch', right),
      'of another authority': issue('other', 'strangers', right),
      'of itself': issue('own', null, right),
      ended: issue('ended', 'partners', right, between('20200101000000Z', '20200201000000Z')),
      'not yet valid': issue('early', 'partners', right, between('20990101000000Z', '20990201000000Z')),
      'for servers': issue('server', 'partners', right.replace('clientAuth', 'serverAuth')),
      'for another name': issue('name', 'partners', named('DNS:www.example.com')),
      'with the name as a mail address': issue('mail', 'partners', named('email:ci@ci.example.com')),
      'with the name in an URI': issue('uri', 'partners', named('URI:dns:ci.example.com')),
      'with the name in its subject alone': issue('ci.example.com', 'partners', CLIENT),
      'for all names': issue('wildcard', 'partners', named('DNS:*.example.com')),
      'with the name between commas': issue(
        'commas',
        'partners',
        `${CLIENT}\nsubjectAltName=@names\n[names]\nURI.1=http://x/\\, DNS:ci.example.com\\, y\nURI.2=http://x/"\\, DNS:ci.example.com\\, URI:"`,
      ),
    } as Readonly<Record<string, Presented>>,
  }
}
