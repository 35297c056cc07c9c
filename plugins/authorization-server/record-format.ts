import { createHash } from 'node:crypto'
import type { SecretBox } from '@mezite/core'
import type { Kysely } from 'kysely'
import type { AdapterPayload } from 'oidc-provider'
import type { RecordRow, Tables } from './migrations.ts'

export const TABLE = 'authorization_server_records'
/** Their payload contains the id that is a secret: the library reads it from there. */
const SEALED: ReadonlySet<string> = new Set(['Session', 'Interaction', 'DeviceCode'])
/** Their id is not a secret, and the payload may name it. */
const PUBLIC: ReadonlySet<string> = new Set(['Grant', 'Client'])

/** The key of a row: ids that are secrets are stored as hashes. */
export const keyOf = (model: string, id: string): string =>
  `${model}:${createHash('sha256').update(id).digest('base64url')}`

/** The rows that have not expired. */
export const livingRows = (db: Kysely<Tables>, now: number) =>
  db
    .selectFrom(TABLE)
    .selectAll()
    .where((where) => where.or([where('expires', 'is', null), where('expires', '>', now)]))

export type RecordFormat = ReturnType<typeof createRecordFormat>

/** How payloads of the library are stored. */
export function createRecordFormat(secretBox: Pick<SecretBox, 'seal' | 'open'>) {
  const place = (key: string) => ({ table: TABLE, id: key, purpose: 'payload' })
  return {
    write(model: string, key: string, payload: AdapterPayload): string {
      const { jti, ...rest } = payload
      const text = JSON.stringify(PUBLIC.has(model) || SEALED.has(model) ? payload : rest)
      return SEALED.has(model) ? secretBox.seal(place(key), Buffer.from(text)).toString('base64') : text
    },
    /** `id`: that of the row, which the library expects in most payloads. */
    read(row: RecordRow, id?: string): AdapterPayload {
      const text = SEALED.has(row.model)
        ? secretBox.open(place(row.key), Buffer.from(row.payload, 'base64')).toString('utf8')
        : row.payload
      const payload = JSON.parse(text) as AdapterPayload
      return {
        ...payload,
        ...(id !== undefined && !PUBLIC.has(row.model) && row.model !== 'Client' ? { jti: id } : {}),
        ...(row.consumed === null || row.model === 'Client'
          ? {}
          : { consumed: Math.floor(row.consumed / 1_000) }),
      } as AdapterPayload
    },
  }
}
