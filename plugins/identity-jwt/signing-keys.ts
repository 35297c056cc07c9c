import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto'
import type { Actor, Clock, Revisions, SecretBox, Transaction, View } from '@mezite/core'
import type { KeyTables } from './migrations.ts'

/** How long verifiers may keep the key set. */
export const CACHED_MS = 5 * 60_000
/**
 * A new key is published this long before it signs: as long as verifiers may keep a copy of the set without it, plus the
 * time by which another hub may be behind in its view or its clock.
 */
const LEAD_MS = CACHED_MS + 60_000
const KEEP_MS = 7 * 24 * 3_600_000
const ROTATE_MS = 30 * 24 * 3_600_000
const KIND = 'key'
const PREFIX = 'app-jwt:'

export interface SigningKey {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly publicJwk: JsonWebKey
  /** Milliseconds since the epoch. */
  readonly activeFrom: number
}

export interface ListedKey {
  readonly kid: string
  /** `coming`: published, signs later; `overlap`: no longer signs, but its signatures still verify. */
  readonly state: 'coming' | 'active' | 'overlap'
  /** Milliseconds since the epoch. */
  readonly activeFrom: number
}

/** The keys of the assertion: P-256, sealed in the database, the same on every hub. */
export function createSigningKeys(deps: { revisions: Revisions; secretBox: SecretBox; clock: Clock }) {
  const { revisions, secretBox, clock } = deps
  /** Oldest first. */
  let keys: readonly SigningKey[] = []

  async function read(trx: Transaction): Promise<SigningKey[]> {
    const rows = await trx.withTables<KeyTables>().selectFrom('identity_jwt_keys').selectAll().execute()
    return rows
      .map((row) => ({
        kid: row.kid,
        privateKey: createPrivateKey({
          key: secretBox.open(place(row.kid), Buffer.from(row.private_key)),
          format: 'der',
          type: 'pkcs8',
        }),
        publicJwk: JSON.parse(row.public_jwk) as JsonWebKey,
        activeFrom: Number(row.active_from),
      }))
      .sort((a, b) => a.activeFrom - b.activeFrom)
  }

  const view: View = {
    name: 'identity-jwt-keys',
    kinds: [KIND],
    async loadAll(trx) {
      const found = await read(trx)
      return () => {
        keys = found
      }
    },
    async refresh(trx, touched) {
      const ours = [...(touched.get(KIND) ?? [])].some((key) => key.startsWith(PREFIX))
      const found = ours ? await read(trx) : keys
      return () => {
        keys = found
      }
    },
  }

  /**
   * Adds a key that signs from `activeFromMs`. Hubs take turns, and each checks the stored keys again. Without an actor
   * the hub acts by itself.
   */
  async function add(
    activeFromMs: number,
    unless: (held: readonly SigningKey[]) => boolean,
    by: Actor | null = null,
  ): Promise<void> {
    await revisions.write(async (trx, change) => {
      const held = await read(trx)
      if (unless(held)) return
      const db = trx.withTables<KeyTables>()
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const jwk = publicKey.export({ format: 'jwk' })
      const kid = thumbprint(jwk)
      const sealed = secretBox.seal(place(kid), privateKey.export({ format: 'der', type: 'pkcs8' }))
      await db
        .insertInto('identity_jwt_keys')
        .values({
          kid,
          public_jwk: JSON.stringify({ ...jwk, kid, alg: 'ES256', use: 'sig' }),
          private_key: sealed,
          created: clock.now(),
          active_from: activeFromMs,
        })
        .execute()
      change.touch(KIND, PREFIX + kid)
      await change.audit({
        type: 'key.created',
        success: true,
        by,
        fields: { name: 'app-jwt', key: kid },
      })
    }, by)
  }

  async function removeFormer(): Promise<void> {
    await revisions.write(async (trx, change) => {
      const held = await read(trx)
      for (const { kid } of held.filter((_, at) => isFormer(held, at, clock.now()))) {
        await trx.withTables<KeyTables>().deleteFrom('identity_jwt_keys').where('kid', '=', kid).execute()
        change.touch(KIND, PREFIX + kid)
      }
    })
  }

  return {
    view,
    /** The key that signs now: the newest that is old enough. */
    current: (): SigningKey | undefined => currentOf(keys, clock.now()),
    /** Public keys that a verifier should accept: coming, current and, for a week, former ones. */
    published: (): readonly JsonWebKey[] => {
      const now = clock.now()
      return keys.filter((_, at) => !isFormer(keys, at, now)).map(({ publicJwk }) => publicJwk)
    },
    /** Creates the very first key, used at once. */
    ensure: () => add(clock.now(), (held) => held.length > 0),
    /** Every key that is published, oldest first, and which one signs. */
    list: (): readonly ListedKey[] => {
      const now = clock.now()
      const signing = currentOf(keys, now)
      return keys
        .filter((_, at) => !isFormer(keys, at, now))
        .map(({ kid, activeFrom }) => ({
          kid,
          activeFrom,
          state: kid === signing?.kid ? 'active' : activeFrom > now ? 'coming' : 'overlap',
        }))
    },
    /** Publishes a new key, which signs in six minutes; does nothing when one is already coming. */
    rotate: (by: Actor) =>
      add(clock.now() + LEAD_MS, (held) => held.some(({ activeFrom }) => activeFrom > clock.now()), by),
    /** Rotates when the newest key is thirty days old, and removes keys that were replaced a week ago. */
    tend: async (): Promise<void> => {
      const due = (held: readonly SigningKey[]) => (held.at(-1)?.activeFrom ?? 0) + ROTATE_MS <= clock.now()
      if (due(keys)) await add(clock.now() + LEAD_MS, (held) => !due(held))
      if (keys.some((_, at) => isFormer(keys, at, clock.now()))) await removeFormer()
    },
  }
}

function currentOf(keys: readonly SigningKey[], now: number): SigningKey | undefined {
  return keys.findLast(({ activeFrom }) => activeFrom <= now) ?? keys[0]
}

/** A newer key has signed for a week: no assertion of this one can be valid, and no verifier needs it. */
function isFormer(keys: readonly SigningKey[], at: number, now: number): boolean {
  const next = keys[at + 1]
  return next !== undefined && next.activeFrom + KEEP_MS <= now
}

export type SigningKeys = ReturnType<typeof createSigningKeys>

const place = (kid: string) => ({ table: 'identity_jwt_keys', id: kid, purpose: 'app-jwt' })

/** RFC 7638. */
function thumbprint({ crv, kty, x, y }: JsonWebKey): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
}
