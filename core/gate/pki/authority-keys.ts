import { webcrypto, X509Certificate } from 'node:crypto'
import { v4 as uuid } from 'uuid'
import type { AuthorityKey, AuthorityName } from '../../api/certificate-authorities.ts'
import type { Database } from '../../api/database.ts'
import type { Revisions, View } from '../../api/revisions.ts'
import type { SecretBox, SecretPlace } from '../../api/secret-box.ts'
import type { Clock } from '../../kernel/clock.ts'
import { MezError } from '../../kernel/error.ts'
import { makeAuthority, P256, type Signer, spkiPin } from './certificate-templates.ts'
import type { AuthorityTable, KeysTables } from './migrations.ts'

const NAMES: readonly AuthorityName[] = ['hub-ca', 'agent-ca', 'user-ca']
const AUTHORITY_LIFE_MS = 3_650 * 24 * 60 * 60_000

/** A key in memory; `signer` is null unless it is active. */
interface Known extends AuthorityKey {
  readonly pem: string
  readonly certificate: X509Certificate
  readonly signer: Signer | null
}

/** The key that an authority signs with. */
export type ActiveKey = Known & { readonly signer: Signer }

export interface AuthorityKeysNeeds {
  readonly db: Database
  readonly revisions: Pick<Revisions, 'write' | 'addView'>
  readonly secretBox: SecretBox
  readonly clusterName: string
  readonly clock: Clock
}

/** Keeps the stored keys of the authorities in memory, up to date by the change sequence. */
export function createAuthorityKeys(rooms: AuthorityKeysNeeds) {
  const { db, revisions, secretBox, clusterName, clock } = rooms
  let known: ReadonlyMap<AuthorityName, readonly Known[]> = new Map()

  /** A new key, not stored yet. */
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

  /** The keys of the authority, the active one first. Throws `MEZ_AUTHORITY_UNREADABLE` if it has none. */
  function of(name: AuthorityName): readonly Known[] {
    const list = known.get(name) ?? []
    if (list.length === 0) throw new MezError('MEZ_AUTHORITY_UNREADABLE', `the ${name} is not loaded`)
    return list
  }

  /** Throws `MEZ_AUTHORITY_UNREADABLE` if there is none. */
  function active(name: AuthorityName): ActiveKey {
    const found = of(name).find((each): each is ActiveKey => each.signer !== null)
    if (!found) throw new MezError('MEZ_AUTHORITY_UNREADABLE', `the ${name} has no active key`)
    return found
  }

  /** Creates missing authorities and loads all of them. Call it after the migrations. */
  async function load(): Promise<void> {
    const names = await db.withTables<KeysTables>().selectFrom('authorities').select('name').execute()
    const present = new Set(names.map((row) => row.name))
    for (const name of NAMES) if (!present.has(name)) await create(name)
    const swap = await readAll(db)
    swap()
  }

  return { makeKey, load, of, active }
}

const place = (id: string): SecretPlace => ({ table: 'authorities', id, purpose: 'private-key' })
