import { KeyObject, webcrypto, X509Certificate } from 'node:crypto'
import type { PublicKeyType } from '@peculiar/x509'
import { v4 as uuid } from 'uuid'
import type { AuthorityAdministration } from '../../api/administration.ts'
import type {
  Authorities,
  AuthorityKey,
  AuthorityName,
  IssuedCertificate,
} from '../../api/certificate-authorities.ts'
import type { Database } from '../../api/database.ts'
import type { View } from '../../api/revisions.ts'
import type { SecretPlace } from '../../api/secret-box.ts'
import { loadX509 } from '../../certificates/x509-library.ts'
import { MezError, messageOf } from '../../kernel/error.ts'
import { hubName } from '../../wire/tunnel-protocol.ts'
import type { Needs } from '../room.ts'
import { createRotate, rotationOf } from './authority-rotation.ts'
import { verifiedRequest } from './certificate-request.ts'
import { makeAuthority, makeLeaf, newKeyPair, P256, type Signer, spkiPin } from './certificate-templates.ts'
import type { AuthorityTable, KeysTables } from './migrations.ts'

const NAMES: readonly AuthorityName[] = ['hub-ca', 'agent-ca', 'user-ca']
const DAY_MS = 24 * 60 * 60_000
const AUTHORITY_LIFE_MS = 3_650 * DAY_MS
const RENEW_CHECK_MS = 60_000
const IDENTITY_LIFE_MS = 2 * DAY_MS
/** Agents renew after two thirds of it. */
const AGENT_LIFE_MS = DAY_MS
/** Longer than a handshake takes, and than clocks of hubs differ. */
const PEER_LIFE_MS = 10 * 60_000

/** How long certificates are valid, in milliseconds. */
interface Lives {
  /** An agent's; default 24 h. */
  readonly agentLifeMs?: number
  /** The hub's own; default 2 days. It is renewed after half of that. */
  readonly identityLifeMs?: number
}

export interface RunningAuthorities extends Authorities, Pick<AuthorityAdministration, 'phaseOf' | 'rotate'> {
  /** Creates missing authorities and loads all of them. Call it once, after the migrations. */
  load(): Promise<void>
  /**
   * A new key and certificate with which the hub `id` connects to other hubs: EKU clientAuth, URI SAN
   * `mezite://<cluster>/hub/<id>`, signed by the hub CA. Valid for a handshake.
   */
  peerIdentity(id: string): Promise<{ readonly key: string; readonly certificate: string }>
  /** Stops the renewal of the hub's certificate. */
  close(): void
}

interface Known extends AuthorityKey {
  readonly pem: string
  readonly certificate: X509Certificate
  readonly signer: Signer | null
}

interface Identity {
  readonly key: string
  readonly cert: string
  readonly renewAt: number
  /** Id of the key of the hub CA that signed it. */
  readonly authority: string
}

type All = ReadonlyMap<AuthorityName, readonly Known[]>

/** The cluster's certificate authorities. Await `load()` before calling any other method. */
export function createAuthorities(
  rooms: Needs<'db' | 'revisions' | 'secretBox' | 'clusterName'>,
  { agentLifeMs = AGENT_LIFE_MS, identityLifeMs = IDENTITY_LIFE_MS }: Lives = {},
): RunningAuthorities {
  const { revisions, secretBox, clusterName, clock, log } = rooms
  const db = rooms.db.withTables<KeysTables>()
  let known: All = new Map()
  let identity: Identity | null = null
  let making: Promise<unknown> | undefined
  let renewal: NodeJS.Timeout | undefined

  async function makeKey(name: AuthorityName): Promise<AuthorityTable> {
    const id = uuid()
    const { certificate, keys } = await makeAuthority(name, clusterName, clock.now(), AUTHORITY_LIFE_MS)
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
    return {
      id,
      name,
      state: 'active',
      certificate: certificate.toString('pem'),
      sealed_key: secretBox.seal(place(id), pkcs8),
      created: new Date(clock.now()),
      changed: null,
    }
  }

  async function create(name: AuthorityName): Promise<void> {
    const row = await makeKey(name)
    await revisions.write(async (trx, change) => {
      const tables = trx.withTables<KeysTables>()
      // Another hub that starts at the same time may have been first; its row is kept.
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
    const certificate = new X509Certificate(row.certificate)
    const created = new Date(row.created).getTime()
    const facts = {
      id: row.id,
      state: row.state,
      pin: spkiPin(certificate),
      created,
      changed: row.changed === null ? created : new Date(row.changed).getTime(),
      expires: certificate.validToDate.getTime(),
      pem: row.certificate,
      certificate,
    }
    if (row.state !== 'active') return { ...facts, signer: null }
    const pkcs8 = secretBox.open(place(row.id), Buffer.from(row.sealed_key))
    const key = await webcrypto.subtle.importKey('pkcs8', pkcs8, P256, false, ['sign'])
    return { ...facts, signer: { certificate: row.certificate, key: key as CryptoKey } }
  }

  /** Reads all authorities, active keys first. The result swaps them in. */
  async function readAll(tables: Pick<Database, 'withTables'>): Promise<() => void> {
    const rows = await tables
      .withTables<KeysTables>()
      .selectFrom('authorities')
      .selectAll()
      .orderBy('created', 'desc')
      .execute()
    const found = new Map<AuthorityName, readonly Known[]>()
    for (const name of NAMES) {
      const mine = rows.filter((row) => row.name === name)
      mine.sort((a, b) => Number(b.state === 'active') - Number(a.state === 'active'))
      found.set(name, await Promise.all(mine.map((row) => read(row as AuthorityTable))))
    }
    return () => {
      known = found
    }
  }

  const view: View = {
    name: 'authorities',
    kinds: ['key'],
    loadAll: readAll,
    async refresh(trx, touched) {
      const ours = NAMES.some((name) => touched.get('key')?.has(name))
      return ours ? readAll(trx) : () => {}
    },
  }
  revisions.addView(view)

  function of(name: AuthorityName): readonly Known[] {
    const list = known.get(name) ?? []
    if (list.length === 0) throw new MezError('MEZ_AUTHORITY_UNREADABLE', `the ${name} is not loaded`)
    return list
  }

  function active(name: AuthorityName): Known & { signer: Signer } {
    const found = of(name).find((each): each is Known & { signer: Signer } => each.signer !== null)
    if (!found) throw new MezError('MEZ_AUTHORITY_UNREADABLE', `the ${name} has no active key`)
    return found
  }

  async function makeIdentity({ id, signer }: Known & { signer: Signer }): Promise<Identity> {
    const keys = await newKeyPair()
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
    // The chain includes the authority, so that a client that knows only its pin can verify it.
    return {
      key: await pemOf(keys.privateKey),
      cert: `${leaf.toString('pem')}\n${signer.certificate}\n`,
      renewAt: now + identityLifeMs / 2,
      authority: id,
    }
  }

  async function renewIdentity(): Promise<Identity> {
    identity = await makeIdentity(active('hub-ca'))
    return identity
  }

  async function issue(
    name: AuthorityName,
    publicKey: PublicKeyType,
    leafOf: { cn: string; url: string; until: number },
  ): Promise<IssuedCertificate> {
    const { id, signer } = active(name)
    const leaf = await makeLeaf(signer, {
      publicKey,
      commonName: leafOf.cn,
      purpose: 'client',
      names: [{ type: 'url', value: leafOf.url }],
      notBefore: clock.now(),
      notAfter: leafOf.until,
    })
    const { serialNumber, notAfter } = leaf
    return {
      certificate: leaf.toString('pem'),
      notAfter: notAfter.getTime(),
      serial: serialNumber.toLowerCase(),
      authority: id,
    }
  }

  return {
    async load() {
      const names = await db.selectFrom('authorities').select('name').execute()
      const present = new Set(names.map((row) => row.name))
      for (const name of NAMES) if (!present.has(name)) await create(name)
      const swap = await readAll(db)
      swap()
      renewal ??= setInterval(
        () => {
          if (!identity || clock.now() < identity.renewAt) return
          renewIdentity().catch((error) =>
            log.error({ error: messageOf(error) }, 'failed to renew the hub certificate'),
          )
        },
        Math.min(RENEW_CHECK_MS, identityLifeMs / 4),
      ).unref()
    },
    rotate: createRotate({ revisions, makeKey, clock }),
    phaseOf: (name) => rotationOf(of(name)),
    close: () => clearInterval(renewal),
    bundle: (name) => of(name).map((each) => each.pem),
    pin: () =>
      of('hub-ca')
        .map((each) => each.pin)
        .join(','),
    keys: (name) =>
      of(name).map(({ id, state, pin, created, changed, expires }) => ({
        id,
        state,
        pin,
        created,
        changed,
        expires,
      })),
    issuerOf(name, certificate) {
      const issuer = of(name).find(
        (each) => certificate.checkIssued(each.certificate) && certificate.verify(each.certificate.publicKey),
      )
      return issuer?.id ?? null
    },
    trusts: (name, id) => of(name).some((each) => each.id === id),
    async hubIdentity() {
      if (identity?.authority !== active('hub-ca').id) {
        making ??= renewIdentity().finally(() => {
          making = undefined
        })
        await making
      }
      return { key: identity!.key, cert: identity!.cert }
    },
    async peerIdentity(hub) {
      const { publicKey, privateKey } = await newKeyPair()
      const url = `mezite://${clusterName}/hub/${hub}`
      const until = clock.now() + PEER_LIFE_MS
      const { certificate } = await issue('hub-ca', publicKey, { cn: hub, url, until })
      return { key: await pemOf(privateKey), certificate }
    },
    async issueAgent({ csr, hostname }) {
      const { publicKey } = await verifiedRequest(csr)
      const url = `mezite://${clusterName}/agent/${hostname}`
      return issue('agent-ca', publicKey, { cn: hostname, url, until: clock.now() + agentLifeMs })
    },
    async issueUser({ publicKey, user, sessionId, notAfter }) {
      const spki = publicKey.export({ type: 'spki', format: 'der' })
      const url = `mezite://${clusterName}/user/${encodeURIComponent(user)}?session=${encodeURIComponent(sessionId)}`
      const { PublicKey } = await loadX509()
      return issue('user-ca', new PublicKey(spki), { cn: user, url, until: notAfter })
    },
  }
}

async function pemOf(key: CryptoKey): Promise<string> {
  return KeyObject.from(key as webcrypto.CryptoKey)
    .export({ type: 'pkcs8', format: 'pem' })
    .toString()
}

const place = (id: string): SecretPlace => ({ table: 'authorities', id, purpose: 'private-key' })
