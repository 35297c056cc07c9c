import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type KeyPair, makeKeyPair, namesHost } from '../../base/x509/key-pair.ts'
import { makeAuthority, makeLeaf, newKeyPair, pemOf } from '../../gate/pki/certificate-templates.ts'
import type { Clock } from '../../kernel/clock.ts'
import { MezError } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'

const DAY_MS = 86_400_000
const LIFE_MS = 90 * DAY_MS
const RENEW_BEFORE_MS = 30 * DAY_MS

/** Files in the data directory. */
export const developmentFiles = {
  cert: 'development-certificate.pem',
  key: 'development-key.pem',
  /** The authority that clients must trust. */
  ca: 'development-ca.pem',
} as const

/** Where a hub may use a development certificate, and where it keeps it. */
export interface DevelopmentOptions {
  readonly dataDir: string
  /** `proxy.listen_addr`: on loopback it is always allowed. */
  readonly listenAddr: string
  /** `proxy.development_certificate`. */
  readonly allowed: boolean
  readonly clock: Clock
  readonly log: Log
}

/**
 * The development certificate of a hub for the names, wildcards included. Rejects with `MEZ_CERTIFICATE_MISSING` where it
 * would protect nobody: on an address of the network, for names that are not below `.localhost`.
 */
export async function certificateForDevelopment(
  names: readonly string[],
  { dataDir, listenAddr, allowed, clock, log }: DevelopmentOptions,
): Promise<KeyPair> {
  const plain = names.map((name) => name.replace(/^\*\./, ''))
  const loopback = /^(127(\.\d{1,3}){3}|\[::1\]|localhost):\d+$/.test(listenAddr)
  if (!allowed && !loopback && !plain.every((name) => /(^|\.)localhost$/i.test(name)))
    throw new MezError(
      'MEZ_CERTIFICATE_MISSING',
      `a development certificate does not protect ${listenAddr} for ${plain.join(', ')}`,
    )
  const pair = await developmentCertificate(dataDir, names, clock)
  log.warn(`development certificate in use; clients must trust ${dataDir}/${developmentFiles.ca}`)
  return pair
}

/**
 * A certificate for development, kept in `dataDir` across restarts, and renewed 30 days before it expires or when the
 * names change. Its authority is created for it alone, and the authority's key is never written to disk.
 */
export async function developmentCertificate(
  dataDir: string,
  names: readonly string[],
  clock: Clock,
): Promise<KeyPair> {
  const kept = await readKept(dataDir, names, clock)
  if (kept) return kept
  const { cert, key, ca } = await issueCertificate(names, clock.now())
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  await replace(join(dataDir, developmentFiles.key), key, 0o600)
  await replace(join(dataDir, developmentFiles.cert), cert, 0o644)
  await replace(join(dataDir, developmentFiles.ca), ca, 0o644)
  return makeKeyPair(cert, key)
}

async function readKept(dataDir: string, names: readonly string[], clock: Clock): Promise<KeyPair | null> {
  try {
    const [cert, key, ca] = await Promise.all(
      [developmentFiles.cert, developmentFiles.key, developmentFiles.ca].map((file) =>
        readFile(join(dataDir, file), 'utf8'),
      ),
    )
    const pair = makeKeyPair(cert!, key!)
    if (!ca!.includes('CERTIFICATE') || !cert!.includes(ca!.trim())) return null
    if (pair.leaf.validToDate.getTime() - clock.now() < RENEW_BEFORE_MS) return null
    return names.every((name) => namesHost(pair, name.replace('*', 'x'))) ? pair : null
  } catch {
    return null
  }
}

/** A certificate for the names from an authority of its own, whose key is lost; all PEM. `now` is in milliseconds. */
export async function issueCertificate(names: readonly string[], now: number) {
  const name = `development CA ${randomBytes(4).toString('hex')}`
  const [authority, leaf] = await Promise.all([
    makeAuthority(name, 'development', now, LIFE_MS),
    newKeyPair(),
  ])
  const ca = `${authority.certificate.toString('pem').trim()}\n`
  const made = await makeLeaf(
    { certificate: ca, key: authority.keys.privateKey },
    {
      publicKey: leaf.publicKey,
      commonName: 'Mezite development certificate',
      purpose: 'server',
      names: names.map((value) => ({ type: 'dns', value })),
      notBefore: now,
      notAfter: now + LIFE_MS,
    },
  )
  return { cert: `${made.toString('pem').trim()}\n${ca}`, key: await pemOf(leaf.privateKey), ca }
}

async function replace(file: string, text: string, mode: number): Promise<void> {
  const draft = `${file}.${process.pid}.new`
  await writeFile(draft, text, { mode })
  await rename(draft, file)
}
