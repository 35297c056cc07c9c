import type { Revisions, Sessions, Transaction, View } from '@mezite/core'
import type { DeviceRow, DeviceTables } from './migrations.ts'

/** What changes of a device touch. */
export const KIND = 'device'

/** A device that has not been removed, read from memory. */
export interface Device extends Omit<DeviceRow, 'paths' | 'seen'> {
  readonly paths: readonly string[]
  readonly seen: Seen
}

/** The networks and programs that have used a device. */
export interface Seen {
  readonly networks: readonly string[]
  readonly agents: readonly string[]
}

export interface DeviceStore {
  /** Those whose session is live. */
  byId(id: string): Device | undefined
  /** The same, oldest first. */
  list(): readonly Device[]
  rowIn(trx: Transaction, id: string): Promise<DeviceRow | undefined>
  /** Forgets devices that ended, a day later: until then their confirmation counts as spent. */
  purge(now: number): Promise<void>
}

const KEPT_MS = 86_400_000

export function createDeviceStore({
  revisions,
  sessions,
}: {
  readonly revisions: Pick<Revisions, 'addView' | 'write'>
  readonly sessions: Pick<Sessions, 'byId' | 'list'>
}): DeviceStore {
  let devices = new Map<string, Device>()
  const swap = (from: ReadonlyMap<string, Device>, keys: Iterable<string>, rows: readonly DeviceRow[]) => {
    devices = new Map(from)
    for (const key of keys) devices.delete(key)
    for (const row of rows) if (row.removed === null) devices.set(row.id, deviceOf(row))
  }
  const view: View = {
    name: 'devices',
    kinds: [KIND],
    async loadAll(trx) {
      const rows = await trx.withTables<DeviceTables>().selectFrom('devices').selectAll().execute()
      return () => swap(new Map(), [], rows)
    },
    async refresh(trx, touched) {
      const keys = [...(touched.get(KIND) ?? [])]
      if (keys.length === 0) return () => {}
      const rows = await trx
        .withTables<DeviceTables>()
        .selectFrom('devices')
        .selectAll()
        .where('id', 'in', keys)
        .execute()
      return () => swap(devices, keys, rows)
    },
  }
  revisions.addView(view)

  return {
    byId: (id) => (sessions.byId(id) === undefined ? undefined : devices.get(id)),
    list() {
      const live = new Set(sessions.list().map(({ id }) => id))
      return [...devices.values()].filter(({ id }) => live.has(id)).sort((a, b) => (a.id < b.id ? -1 : 1))
    },
    rowIn: (trx, id) =>
      trx
        .withTables<DeviceTables>()
        .selectFrom('devices')
        .selectAll()
        .where('id', '=', id)
        .executeTakeFirst(),
    async purge(now) {
      const live = new Set(sessions.list().map(({ id }) => id))
      const over = [...devices.values()].filter(({ id, created }) => !live.has(id) && created < now - KEPT_MS)
      await revisions.write(async (trx, change) => {
        const table = trx.withTables<DeviceTables>()
        await table
          .deleteFrom('devices')
          .where('removed', '<', now - KEPT_MS)
          .execute()
        for (const { id } of over) {
          await table.deleteFrom('devices').where('id', '=', id).execute()
          change.noted(KIND, id)
        }
      })
    },
  }
}

/** A row whose lists cannot be read opens nothing: it has a path that no request has. */
function deviceOf(row: DeviceRow): Device {
  const paths = listOf(row.paths)
  const seen = objectOf(row.seen)
  return {
    ...row,
    paths: paths ?? [UNREADABLE],
    seen: { networks: listOf(seen.networks) ?? [], agents: listOf(seen.agents) ?? [] },
  }
}
const UNREADABLE = '\0'

function objectOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}

function listOf(value: unknown): string[] | null {
  let list = value
  if (typeof value === 'string') {
    try {
      list = JSON.parse(value)
    } catch {
      return null
    }
  }
  return Array.isArray(list) && list.every((one) => typeof one === 'string') ? list : null
}
