import { X509Certificate } from 'node:crypto'
import type { Change, Database, Revisions, SecretBox, Transaction, View } from '@mezite/core'
import { sql } from 'kysely'

/** A certificate and its key, both PEM. */
export interface Served {
  readonly cert: string
  readonly key: string
}

/** An order that was begun, perhaps by a hub that is gone. */
export interface OpenOrder {
  readonly url: string
  readonly directory: string
  /** PEM of the key that the certificate will have. */
  readonly key: string
}

/** A certificate that the hub has, or waits for. */
export interface Certificate {
  readonly name: string
  /** What it is to name after the next order; of an imported one, what it names. */
  readonly names: readonly string[]
  readonly imported: boolean
  /** The same object until the certificate changes. */
  readonly served: Served | null
  readonly leaf: X509Certificate | null
  readonly directory: string | null
  /** The hub that ordered it. */
  readonly hub: string | null
  readonly renewAt: number | null
  /** When to ask the authority again for the time of renewal. */
  readonly renewalCheck: number | null
  readonly attempts: number
  readonly lastError: string | null
  readonly nextAttempt: number | null
  readonly order: OpenOrder | null
}

/** What the hub shows to an authority that checks a host. */
export interface Challenge {
  readonly host: string
  readonly certificate: string
  readonly token: string
  /** Certificate for TLS-ALPN-01, or text for HTTP-01. */
  readonly proof: { readonly tls: Served } | { readonly text: string }
}

interface CertificateRow {
  readonly name: string
  readonly names: string[]
  readonly imported: boolean
  readonly chain: string | null
  readonly key: Buffer | null
  readonly directory: string | null
  readonly hub: string | null
  readonly renew_at: number | null
  readonly renewal_check: number | null
  readonly attempts: number
  readonly last_error: string | null
  readonly next_attempt: number | null
  readonly order_url: string | null
  readonly order_directory: string | null
  readonly order_key: Buffer | null
}
interface ChallengeRow {
  readonly host: string
  readonly certificate: string
  readonly token: string
  readonly proof: Buffer
}

const CERTIFICATE = 'acme-certificate'
const CHALLENGE = 'acme-challenge'

/** The tables, and what this hub has of them in memory. Every change reaches every hub by the change sequence. */
export function createStore({
  db,
  box,
  revisions,
}: {
  readonly db: Database
  readonly box: SecretBox
  readonly revisions: Pick<Revisions, 'write' | 'addView'>
}) {
  const certificates = new Map<string, Certificate>()
  const challenges = new Map<string, readonly Challenge[]>()
  let version = 0
  const place = (table: string, id: string, purpose: string) => ({ table: `acme_${table}`, id, purpose })
  const seal = (table: string, id: string, purpose: string, text: string) =>
    box.seal(place(table, id, purpose), Buffer.from(text))
  const unseal = (table: string, id: string, purpose: string, sealed: Uint8Array) =>
    box.open(place(table, id, purpose), Buffer.from(sealed)).toString()

  function readCertificate(row: CertificateRow): Certificate {
    const old = certificates.get(row.name)
    const key = row.key && unseal('certificates', row.name, 'key', row.key)
    const same = old?.served && old.served.cert === row.chain && old.served.key === key
    const served = same ? old.served : row.chain && key ? { cert: row.chain, key } : null
    const { order_url: url, order_directory: directory, order_key: sealed } = row
    return {
      name: row.name,
      names: row.names,
      imported: row.imported,
      served,
      leaf: same ? old.leaf : served && new X509Certificate(served.cert),
      directory: row.directory,
      hub: row.hub,
      renewAt: row.renew_at,
      renewalCheck: row.renewal_check,
      attempts: row.attempts,
      lastError: row.last_error,
      nextAttempt: row.next_attempt,
      order:
        url && directory && sealed
          ? { url, directory, key: unseal('certificates', row.name, 'order', sealed) }
          : null,
    }
  }
  const readChallenge = ({ proof, ...row }: ChallengeRow): Challenge => ({
    ...row,
    proof: JSON.parse(unseal('challenges', row.host, 'proof', proof)) as Challenge['proof'],
  })

  async function read(trx: Transaction, names: readonly string[] | null, hosts: readonly string[] | null) {
    const { rows } = await sql<CertificateRow>`SELECT * FROM acme_certificates
      WHERE ${names === null} OR name = ANY (${names ?? []}::text[])`.execute(trx)
    const { rows: open } = await sql<ChallengeRow>`SELECT * FROM acme_challenges
      WHERE ${hosts === null} OR host = ANY (${hosts ?? []}::text[])`.execute(trx)
    const read = rows.map(readCertificate)
    const byHost = Map.groupBy(open.map(readChallenge), ({ host }) => host)
    return () => {
      if (names === null) certificates.clear()
      if (hosts === null) challenges.clear()
      for (const name of names ?? []) certificates.delete(name)
      for (const host of hosts ?? []) challenges.delete(host)
      for (const one of read) certificates.set(one.name, one)
      for (const [host, some] of byHost) challenges.set(host, some)
      version += 1
    }
  }
  const view: View = {
    name: 'acme',
    kinds: [CERTIFICATE, CHALLENGE],
    loadAll: (trx) => read(trx, null, null),
    refresh: (trx, touched) =>
      read(trx, [...(touched.get(CERTIFICATE) ?? [])], [...(touched.get(CHALLENGE) ?? [])]),
  }
  revisions.addView(view)

  /** Statements of one change. */
  function statements(trx: Transaction, change: Change) {
    return {
      change,
      /** The certificate as of the changes before this one, which memory may not have yet. */
      async certificate(name: string): Promise<Certificate | null> {
        const { rows } =
          await sql<CertificateRow>`SELECT * FROM acme_certificates WHERE name = ${name}`.execute(trx)
        return rows[0] ? readCertificate(rows[0]) : null
      },
      async put(one: Omit<Certificate, 'leaf'>): Promise<void> {
        const { name, served, order } = one
        const key = served && seal('certificates', name, 'key', served.key)
        const orderKey = order && seal('certificates', name, 'order', order.key)
        await sql`INSERT INTO acme_certificates VALUES (${name}, ${one.names}::text[], ${one.imported},
            ${served?.cert ?? null}, ${key}, ${one.directory}, ${one.hub}, ${one.renewAt}, ${one.renewalCheck},
            ${one.attempts}, ${one.lastError}, ${one.nextAttempt}, ${order?.url ?? null}, ${order?.directory ?? null},
            ${orderKey})
          ON CONFLICT (name) DO UPDATE SET names = excluded.names, imported = excluded.imported,
            chain = excluded.chain, key = excluded.key, directory = excluded.directory, hub = excluded.hub,
            renew_at = excluded.renew_at, renewal_check = excluded.renewal_check, attempts = excluded.attempts,
            last_error = excluded.last_error, next_attempt = excluded.next_attempt, order_url = excluded.order_url,
            order_directory = excluded.order_directory, order_key = excluded.order_key`.execute(trx)
        change.noted(CERTIFICATE, name)
      },
      async remove(name: string): Promise<void> {
        await sql`DELETE FROM acme_certificates WHERE name = ${name}`.execute(trx)
        change.noted(CERTIFICATE, name)
      },
      async show({ host, certificate, token, proof }: Challenge): Promise<void> {
        const sealed = seal('challenges', host, 'proof', JSON.stringify(proof))
        await sql`INSERT INTO acme_challenges VALUES (${host}, ${certificate}, ${token}, ${sealed})
          ON CONFLICT (host, token) DO UPDATE SET certificate = excluded.certificate, proof = excluded.proof`.execute(
          trx,
        )
        change.noted(CHALLENGE, host)
      },
      /** Ends all challenges of a certificate. */
      async hide(certificate: string): Promise<void> {
        const { rows } = await sql<{
          host: string
        }>`DELETE FROM acme_challenges WHERE certificate = ${certificate}
          RETURNING host`.execute(trx)
        for (const { host } of rows) change.noted(CHALLENGE, host)
      },
    }
  }

  return {
    certificates: certificates as ReadonlyMap<string, Certificate>,
    challenges: challenges as ReadonlyMap<string, readonly Challenge[]>,
    /** Grows with each change of what is in memory. */
    get version() {
      return version
    },
    write: <T>(
      body: (to: ReturnType<typeof statements>) => Promise<T>,
      ...by: [Parameters<Revisions['write']>[1]?]
    ) => revisions.write((trx, change) => body(statements(trx, change)), ...by),

    async account(directory: string): Promise<{ readonly key: string; readonly url: string | null } | null> {
      const { rows } = await sql<{ key: Buffer; url: string | null }>`SELECT key, url FROM acme_accounts
        WHERE directory = ${directory}`.execute(db)
      const [row] = rows
      return row ? { key: unseal('accounts', directory, 'key', row.key), url: row.url } : null
    },
    async keepAccount(directory: string, key: string, url: string | null): Promise<void> {
      const sealed = seal('accounts', directory, 'key', key)
      await sql`INSERT INTO acme_accounts (directory, key, url) VALUES (${directory}, ${sealed}, ${url})
        ON CONFLICT (directory) DO UPDATE SET key = excluded.key, url = excluded.url`.execute(db)
    },

    ...ordersIn(db),
  }
}

export type Store = ReturnType<typeof createStore>

/** The orders in the past, by which the hub keeps to the limits of authorities. */
function ordersIn(db: Database) {
  return {
    /** Counts an order before it is made; returns its id. */
    async begin(directory: string, names: readonly string[], at: number, renewal: boolean): Promise<string> {
      const { rows } = await sql<{ id: string }>`INSERT INTO acme_attempts (directory, names, at, renewal)
        VALUES (${directory}, ${names}::text[], ${at}, ${renewal}) RETURNING id`.execute(db)
      return rows[0]!.id
    },
    async ended(id: string, outcome: { readonly issued: boolean; readonly failed: readonly string[] }) {
      await sql`UPDATE acme_attempts SET issued = ${outcome.issued}, failed = ${outcome.failed}::text[]
        WHERE id = ${id}`.execute(db)
    },
    /** The orders since `since`, oldest first; older ones are forgotten. */
    async attempts(directory: string, since: number): Promise<readonly Attempt[]> {
      await sql`DELETE FROM acme_attempts WHERE at < ${since}`.execute(db)
      const { rows } = await sql<Attempt>`SELECT names, at, renewal, issued, failed FROM acme_attempts
        WHERE directory = ${directory} ORDER BY at`.execute(db)
      return rows
    },
  }
}

/** One order in the past. */
export interface Attempt {
  readonly names: readonly string[]
  readonly at: number
  readonly renewal: boolean
  readonly issued: boolean
  /** Names that the authority could not validate. */
  readonly failed: readonly string[]
}
