import { createHash, createPrivateKey, generateKeyPair, type JsonWebKey, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { Clock } from '../kernel/clock.ts'
import type { Actor } from './audit.ts'
import type { Transaction } from './database.ts'
import { apiRoutes } from './resource-routes.ts'
import type { Revisions, View } from './revisions.ts'
import type { SecretBox } from './secret-box.ts'
import type { WebRoutes } from './web-routes.ts'

const generate = promisify(generateKeyPair)

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

/** A row of the table of the keys: `kid` and `public_jwk` text, `private_key` bytea, `created` and `active_from` bigint. */
export interface SigningKeyRow {
  readonly kid: string
  /** JWK as JSON; public part only. */
  readonly public_jwk: string
  /** PKCS #8 DER, sealed by the secret box. */
  readonly private_key: Uint8Array
  readonly created: number | string
  /** Signs from this time on; published before. Milliseconds since the epoch. */
  readonly active_from: number | string
}

/** A signing key with its private part. */
export interface SigningKey {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly publicJwk: JsonWebKey
  /** Milliseconds since the epoch. */
  readonly activeFrom: number
}

/** A published signing key, for lists. */
export interface ListedKey {
  readonly kid: string
  /** `coming`: published, signs later; `overlap`: no longer signs, but its signatures still verify. */
  readonly state: 'coming' | 'active' | 'overlap'
  /** Milliseconds since the epoch. */
  readonly activeFrom: number
}

/** The signing keys of one plugin. */
export interface SigningKeys {
  readonly view: View
  /** Of `mezctl auth rotate` and `mezctl auth export`, with the name as the type. */
  readonly routes: WebRoutes
  /** Every stored key, oldest first. */
  all(): readonly SigningKey[]
  /** The key that signs now: the newest that is old enough. */
  current(): SigningKey | undefined
  /** Public keys that a verifier should accept: coming, current and, for a week, former ones. */
  published(): readonly JsonWebKey[]
  /** Creates the very first key, used at once. */
  ensure(): Promise<void>
  /** Every key that is published, oldest first, and which one signs. */
  list(): readonly ListedKey[]
  /** Publishes a new key, which signs in six minutes; does nothing when one is already coming. */
  rotate(by: Actor): Promise<void>
  /** Rotates when the newest key is thirty days old, and removes keys that were replaced a week ago. */
  tend(): Promise<void>
}

/**
 * Keys that sign for others to verify: sealed in the database, the same on every hub, and rotated every 30 days. Call
 * `Revisions.addView` with the view and provide the routes in `setup`, `ensure` at the start, and `tend` in a job.
 */
export function createSigningKeys(deps: {
  readonly revisions: Pick<Revisions, 'write'>
  readonly secretBox: Pick<SecretBox, 'seal' | 'open'>
  readonly clock: Clock
  /** Names the keys in records and on command lines, such as `app-jwt`. */
  readonly name: string
  /** What they sign, for the description of the API, such as `ID tokens`. */
  readonly signs: string
  /** Of the calling plugin; its rows are `SigningKeyRow`. */
  readonly table: string
  /** `ES256`: P-256; `RS256`: RSA with 2048 bits. */
  readonly algorithm: 'ES256' | 'RS256'
}): SigningKeys {
  const { revisions, secretBox, clock, name, table, algorithm } = deps
  type Tables = { [table: string]: SigningKeyRow }
  const prefix = `${name}:`
  const place = (kid: string) => ({ table, id: kid, purpose: name })
  /** Oldest first. */
  let keys: readonly SigningKey[] = []

  async function read(trx: Transaction): Promise<SigningKey[]> {
    const rows = await trx.withTables<Tables>().selectFrom(table).selectAll().execute()
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
    name: `${name}-keys`,
    kinds: [KIND],
    async loadAll(trx) {
      const found = await read(trx)
      return () => {
        keys = found
      }
    },
    async refresh(trx, touched) {
      const ours = [...(touched.get(KIND) ?? [])].some((key) => key.startsWith(prefix))
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
      const db = trx.withTables<Tables>()
      const { privateKey, publicKey } = await newKey(algorithm)
      const jwk = publicKey.export({ format: 'jwk' })
      const kid = thumbprint(jwk)
      const sealed = secretBox.seal(place(kid), privateKey.export({ format: 'der', type: 'pkcs8' }))
      await db
        .insertInto(table)
        .values({
          kid,
          public_jwk: JSON.stringify({ ...jwk, kid, alg: algorithm, use: 'sig' }),
          private_key: sealed,
          created: clock.now(),
          active_from: activeFromMs,
        })
        .execute()
      change.touch(KIND, prefix + kid)
      await change.audit({
        type: 'key.created',
        success: true,
        by,
        fields: { name, key: kid },
      })
    }, by)
  }

  async function removeFormer(): Promise<void> {
    await revisions.write(async (trx, change) => {
      const held = await read(trx)
      for (const { kid } of held.filter((_, at) => isFormer(held, at, clock.now()))) {
        await trx.withTables<Tables>().deleteFrom(table).where('kid', '=', kid).execute()
        change.touch(KIND, prefix + kid)
      }
    })
  }

  const published = {
    published: () => {
      const now = clock.now()
      return keys.filter((_, at) => !isFormer(keys, at, now)).map(({ publicJwk }) => publicJwk)
    },
    list: (): ListedKey[] => {
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
    rotate: (by: Actor) =>
      add(clock.now() + LEAD_MS, (held) => held.some(({ activeFrom }) => activeFrom > clock.now()), by),
  }

  return {
    ...published,
    view,
    routes: signingKeyRoutes(published, deps),
    all: () => keys,
    current: () => currentOf(keys, clock.now()),
    ensure: () => add(clock.now(), (held) => held.length > 0),
    tend: async () => {
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

/** The pair is made on another thread: RSA keys take some time. */
const newKey = (algorithm: 'ES256' | 'RS256') =>
  algorithm === 'ES256' ? generate('ec', { namedCurve: 'P-256' }) : generate('rsa', { modulusLength: 2048 })

/** RFC 7638. */
function thumbprint({ crv, e, kty, n, x, y }: JsonWebKey): string {
  const members = kty === 'RSA' ? { e, kty, n } : { crv, kty, x, y }
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
}

/** Of `mezctl auth rotate` and `mezctl auth export`. `signs` names what the keys sign, such as `ID tokens`. */
function signingKeyRoutes(
  keys: Pick<SigningKeys, 'published' | 'list' | 'rotate'>,
  { name, signs }: { readonly name: string; readonly signs: string },
): WebRoutes {
  const show = () => ({
    type: name,
    keys: keys.list().map(({ kid, state, activeFrom }) => ({
      kid,
      state,
      signs_from: new Date(activeFrom).toISOString(),
    })),
  })
  return apiRoutes('auth', (on) => {
    const access = 'authority.read'
    on(`GET /rotate/${name}`, { access, summary: `The keys that sign ${signs}` }, show)
    const summary = `Publishes a new key for ${signs}, which signs in six minutes`
    const rotation = { access: 'authority.update', summary } as const
    on(`POST /rotate/${name}`, rotation, async (_, { actor }) => {
      await keys.rotate(actor)
      return show()
    })
    const shown = { access, summary: `The public keys of ${signs}, as a JWKS` } as const
    on(`GET /export/${name}`, shown, (_, _call, reply) =>
      reply.type('application/json; charset=utf-8').send(JSON.stringify({ keys: keys.published() })),
    )
  })
}
