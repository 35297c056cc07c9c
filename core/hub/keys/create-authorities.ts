import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { v4 as uuid } from 'uuid'
import type { Clock } from '../../kernel/clock.ts'
import { MezError, messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { hubName } from '../../wire/tunnel-protocol.ts'
import type { Changes } from '../database/changes.ts'
import type { Database } from '../database/database.ts'
import type { Authorities, AuthorityName } from './authorities.ts'
import { makeAuthority, makeLeaf, newKeyPair, P256, type Signer, spkiPin } from './certificate-forms.ts'
import type { AuthorityTable, KeysTables } from './keys-migrations.ts'
import type { SecretPlace, Vault } from './vault.ts'

const NAMES: readonly AuthorityName[] = ['hub-ca', 'agent-ca', 'user-ca']
const DAY_MS = 24 * 60 * 60_000
const AUTHORITY_LIFE_MS = 3_650 * DAY_MS
const IDENTITY_LIFE_MS = 2 * DAY_MS
/** Renewed at two thirds of it; an agent that finds no hub for the last third needs a new join token. */
const AGENT_LIFE_MS = DAY_MS
const RENEW_CHECK_MS = 60_000
const CSR_BYTES = 8 * 1024

export interface AuthoritiesOptions {
  readonly db: Database
  readonly changes: Pick<Changes, 'write'>
  readonly vault: Vault
  readonly clusterName: string
  readonly clock: Clock
  readonly log: Log
  /** How long an agent's certificate is valid; default 24 h. */
  readonly agentLifeMs?: number
  /** How long the hub's own certificate is valid; default 2 days, renewed at half of it. */
  readonly identityLifeMs?: number
}

export interface RunningAuthorities extends Authorities {
  /** Reads the authorities and makes those that are missing. Once, after the migrations. */
  load(): Promise<void>
  /** Stops the renewal of the hub's certificate. */
  close(): void
}

interface Known {
  readonly pem: string
  readonly signer: Signer | null
}

/** The cluster's certificate authorities. Every other method needs `load()` to have resolved. */
export function createAuthorities(options: AuthoritiesOptions): RunningAuthorities {
  const { changes, vault, clusterName, clock, log } = options
  const db = options.db.withTables<KeysTables>()
  const agentLifeMs = options.agentLifeMs ?? AGENT_LIFE_MS
  const identityLifeMs = options.identityLifeMs ?? IDENTITY_LIFE_MS
  const known = new Map<AuthorityName, readonly Known[]>()
  let identity: { key: string; cert: string; renewAt: number } | null = null
  let renewal: NodeJS.Timeout | undefined

  const rows = () => db.selectFrom('authorities').selectAll().orderBy('created', 'desc').execute()

  async function create(name: AuthorityName): Promise<void> {
    const id = uuid()
    const { certificate, keys } = await makeAuthority(name, clusterName, clock.now(), AUTHORITY_LIFE_MS)
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
    const row: AuthorityTable = {
      id,
      name,
      state: 'active',
      certificate: certificate.toString('pem'),
      sealed_key: vault.seal(place(id), pkcs8),
      created: new Date(clock.now()),
    }
    await changes.write(async (trx, change) => {
      const tables = trx.withTables<KeysTables>()
      // Another hub that starts at the same moment may have been first: its row stays.
      const made = await tables
        .insertInto('authorities')
        .values(row)
        .onConflict((conflict) => conflict.doNothing())
        .returning('id')
        .execute()
      if (made.length > 0) change.touch('key', name)
    })
  }

  async function read(row: AuthorityTable): Promise<Known> {
    const certificate = new x509.X509Certificate(row.certificate)
    const pem = certificate.toString('pem')
    if (row.state !== 'active') return { pem, signer: null }
    const pkcs8 = vault.open(place(row.id), Buffer.from(row.sealed_key))
    const key = await webcrypto.subtle.importKey('pkcs8', pkcs8, P256, false, ['sign'])
    return { pem, signer: { certificate, key: key as CryptoKey } }
  }

  function of(name: AuthorityName): readonly Known[] {
    const list = known.get(name)
    if (!list) throw new MezError('MEZ_AUTHORITY_UNREADABLE', `the ${name} is not loaded`)
    return list
  }

  function signerOf(name: AuthorityName): Signer {
    const signer = of(name).find((each) => each.signer !== null)?.signer
    if (!signer) throw new MezError('MEZ_AUTHORITY_UNREADABLE', `the ${name} has no active key`)
    return signer
  }

  async function renewIdentity(): Promise<void> {
    const keys = await newKeyPair()
    const signer = signerOf('hub-ca')
    const now = clock.now()
    const name = hubName(clusterName)
    const leaf = await makeLeaf(signer, {
      publicKey: keys.publicKey,
      commonName: name,
      purpose: 'server',
      names: [{ type: 'dns', value: name }],
      notBefore: now,
      notAfter: now + identityLifeMs,
    })
    const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
    // The chain carries the authority, so that a client which knows only its pin can check it.
    identity = {
      key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
      cert: `${leaf.toString('pem')}\n${signer.certificate.toString('pem')}\n`,
      renewAt: now + identityLifeMs / 2,
    }
  }

  async function issue(
    signer: Signer,
    publicKey: x509.PublicKeyType,
    cn: string,
    url: string,
    until: number,
  ) {
    const leaf = await makeLeaf(signer, {
      publicKey,
      commonName: cn,
      purpose: 'client',
      names: [{ type: 'url', value: url }],
      notBefore: clock.now(),
      notAfter: until,
    })
    const { serialNumber, notAfter } = leaf
    return {
      certificate: leaf.toString('pem'),
      notAfter: notAfter.getTime(),
      serial: serialNumber.toLowerCase(),
    }
  }

  return {
    async load() {
      const present = new Set((await rows()).map((row) => row.name))
      for (const name of NAMES) if (!present.has(name)) await create(name)
      const all = await rows()
      for (const name of NAMES) {
        const mine = all.filter((row) => row.name === name)
        mine.sort((a, b) => Number(b.state === 'active') - Number(a.state === 'active'))
        known.set(name, await Promise.all(mine.map((row) => read(row as AuthorityTable))))
      }
      await renewIdentity()
      renewal ??= setInterval(
        () => {
          if (identity && clock.now() < identity.renewAt) return
          renewIdentity().catch((error) =>
            log.error({ error: messageOf(error) }, 'hub certificate not renewed'),
          )
        },
        Math.min(RENEW_CHECK_MS, identityLifeMs / 4),
      ).unref()
    },
    close: () => clearInterval(renewal),
    bundle: (name) => of(name).map((each) => each.pem),
    pin: () =>
      of('hub-ca')
        .map((each) => spkiPin(new x509.X509Certificate(each.pem)))
        .join(','),
    hubIdentity() {
      if (!identity) throw new MezError('MEZ_AUTHORITY_UNREADABLE', 'the hub has no certificate yet')
      return { key: identity.key, cert: identity.cert }
    },
    async issueAgent({ csr, hostname }) {
      const request = await verifiedRequest(csr)
      const url = `mezite://${clusterName}/agent/${hostname}`
      return issue(signerOf('agent-ca'), request.publicKey, hostname, url, clock.now() + agentLifeMs)
    },
    async issueUser({ publicKey, user, sessionId, notAfter }) {
      const spki = publicKey.export({ type: 'spki', format: 'der' })
      const url = `mezite://${clusterName}/user/${encodeURIComponent(user)}?session=${encodeURIComponent(sessionId)}`
      return issue(signerOf('user-ca'), new x509.PublicKey(spki), user, url, notAfter)
    },
  }
}

function place(id: string): SecretPlace {
  return { table: 'authorities', id, purpose: 'private-key' }
}

/** Reads a CSR and checks that its sender holds the key. Only P-256; what it asks for besides is ignored. */
async function verifiedRequest(pem: string): Promise<x509.Pkcs10CertificateRequest> {
  const refuse = (what: string, cause?: unknown) =>
    new MezError('MEZ_CSR_INVALID', `the certificate request ${what}`, { cause })
  if (pem.length > CSR_BYTES) throw refuse('is too long')
  let request: x509.Pkcs10CertificateRequest
  let verified: boolean
  try {
    request = new x509.Pkcs10CertificateRequest(pem)
    const { name, namedCurve } = request.publicKey.algorithm as EcKeyAlgorithm
    if (name !== 'ECDSA' || namedCurve !== 'P-256') throw refuse('has another key than P-256')
    verified = await request.verify()
  } catch (error) {
    throw error instanceof MezError ? error : refuse('cannot be read', error)
  }
  if (!verified) throw refuse('is not signed by its own key')
  return request
}
