import { readFileSync } from 'node:fs'
import { getCACertificates } from 'node:tls'
import { messageOf, type Static, Type } from '@mezite/core'

/** Directories that have a name. */
const DIRECTORIES: Readonly<Record<string, string>> = {
  letsencrypt: 'https://acme-v02.api.letsencrypt.org/directory',
  'letsencrypt-staging': 'https://acme-staging-v02.api.letsencrypt.org/directory',
}
const DIRECTORY = '^(letsencrypt|letsencrypt-staging|https://[^\\s@]+)$'

const TEXT = { minLength: 1 }

export const Config = Type.Closed(
  Type.Optionals({
    email: Type.String({
      pattern: '^[^\\s@<>"(),:;]+@[^\\s@<>"(),:;]+$',
      must: 'an e-mail address',
      description: 'address that the authority may write to',
    }),
    accept_terms: Type.Boolean({ description: 'true: you accept the terms of service of every directory' }),
    directory: Type.Union(
      [
        Type.String({ pattern: DIRECTORY }),
        Type.Array(Type.String({ pattern: DIRECTORY }), { minItems: 1, uniqueItems: true }),
      ],
      {
        must: 'letsencrypt, letsencrypt-staging, an https URL, or a list of these',
        description: 'authorities, tried in order',
      },
    ),
    ca_file: Type.String({ pattern: '^/', description: 'roots in PEM for the HTTPS of a private authority' }),
    external_account: Type.Closed(
      {
        kid: Type.String({ ...TEXT, description: 'key identifier from the authority' }),
        hmac: Type.Secret({ description: 'MAC key from the authority, in base64url' }),
      },
      { description: 'account with the authority, where it demands one' },
    ),
    dns: Type.Closed(
      {
        provider: Type.String({
          pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
          description: 'rfc2136, exec, or the name of a provider of another plugin',
        }),
        ...Type.Optionals({
          server: Type.String({ ...TEXT, description: 'rfc2136: HOST or HOST:PORT of the primary server' }),
          zone: Type.String({
            ...TEXT,
            description: 'rfc2136: zone to update; by default the server is asked',
          }),
          key_name: Type.String({ ...TEXT, description: 'rfc2136: name of the TSIG key' }),
          key_secret: Type.Secret({ description: 'rfc2136: the TSIG key in base64' }),
          key_algorithm: Type.OneOf(['hmac-sha256', 'hmac-sha384', 'hmac-sha512'], {
            description: 'rfc2136: default hmac-sha256',
          }),
          command: Type.Array(Type.String(), {
            minItems: 1,
            description: 'exec: absolute path of a program and its first arguments',
          }),
        }),
      },
      { description: 'proves names by DNS and orders one wildcard certificate' },
    ),
    resolvers: Type.Array(Type.String({ minLength: 2 }), {
      minItems: 1,
      description: 'IP or IP:PORT of DNS servers for the checks before an order',
    }),
    challenge: Type.OneOf(['auto', 'tls-alpn-01', 'http-01'], {
      description:
        'how names are proved without dns; auto tries port 443 first, then port 80 if proxy.redirect_addr is set',
    }),
    profile: Type.String({ ...TEXT, description: 'certificate profile of the directory' }),
    preferred_chain: Type.String({ ...TEXT, description: 'common name of the root of the wanted chain' }),
    key_type: Type.OneOf(['p256', 'p384', 'rsa2048', 'rsa4096'], {
      description: 'keys of certificates; default p256',
    }),
    for: Type.OneOf(['all', 'apps'], { description: "apps: the hub's own name keeps https_keypair" }),
  }),
)

/** The configuration of the running plugin, complete. */
export type AcmeSettings = NonNullable<ReturnType<typeof settingsOf>>

/** Whether the directory belongs to an authority that only reaches public addresses. */
export const isPublic = (directory: string): boolean => Object.values(DIRECTORIES).includes(directory)

interface Fault {
  readonly path: string[]
  readonly message: string
}

/** What a schema cannot say about the configuration. */
export function configFaults(config: Static<typeof Config>): Fault[] {
  const faults: Fault[] = []
  const fault = (message: string, ...path: string[]) => void faults.push({ path, message })
  if (config.email === undefined) {
    if (Object.keys(config).length > 0) fault('is missing: without it no certificates are ordered', 'email')
    return faults
  }
  if (config.accept_terms !== true)
    fault('must be true: the authority demands that you accept its terms of service', 'accept_terms')
  if (config.ca_file !== undefined) {
    try {
      if (!readFileSync(config.ca_file, 'utf8').includes('BEGIN CERTIFICATE'))
        fault('does not contain a certificate in PEM', 'ca_file')
    } catch (error) {
      fault(`cannot be read: ${messageOf(error)}`, 'ca_file')
    }
  }
  const { dns } = config
  if (dns?.provider === 'exec' && !dns.command?.[0]?.startsWith('/'))
    fault('must start with the absolute path of a program', 'dns', 'command')
  if (dns?.provider === 'rfc2136')
    for (const key of ['server', 'key_name', 'key_secret'] as const)
      if (dns[key] === undefined) fault('is missing', 'dns', key)
  for (const key of ['server', 'zone', 'key_name', 'key_secret', 'key_algorithm', 'command'] as const) {
    const owner = key === 'command' ? 'exec' : 'rfc2136'
    if (dns?.[key] !== undefined && dns.provider !== owner) fault(`is only for ${owner}`, 'dns', key)
  }
  if (dns && config.challenge !== undefined) fault('does not apply to dns', 'challenge')
  return faults
}

/** Null: the plugin is inactive. */
export function settingsOf(
  config: Static<typeof Config>,
  { plainHttp = false }: { plainHttp?: boolean } = {},
) {
  if (config.email === undefined) return null
  const listed = config.directory ?? 'letsencrypt'
  const { external_account: account } = config
  return {
    email: config.email,
    /** URLs. */
    directories: [listed].flat().map((one) => DIRECTORIES[one] ?? one),
    /** Roots in PEM, or null for those of Node.js. */
    ca:
      config.ca_file === undefined
        ? null
        : [...getCACertificates('default'), readFileSync(config.ca_file, 'utf8')],
    externalAccount: account ? { kid: account.kid, hmacKey: account.hmac } : null,
    dns: config.dns ?? null,
    resolvers: config.resolvers ?? null,
    challenge: config.challenge ?? 'auto',
    /** Whether HTTP-01 can succeed. */
    plainHttp,
    profile: config.profile ?? null,
    preferredChain: config.preferred_chain ?? null,
    keyType: config.key_type ?? 'p256',
    appsOnly: config.for === 'apps',
  }
}
