import { createParts, type Part, type Parts } from '../kernel/parts.ts'
import { prepareDataDir } from '../state/database/data-dir.ts'
import { openDatabase } from '../state/database/database.ts'
import { openSecretBox } from '../state/secrets/key-verification.ts'
import { doors } from './doors.ts'
import { loneHub } from './lone-hub.ts'
import { pluggedRooms } from './plugged-rooms.ts'
import type { Given, House, Rooms } from './room.ts'
import { storedRooms, urlOf } from './rooms.ts'

/** How each room of a hub is made. In this order they are made, and started where nothing else is said. */
export const hubRooms: { readonly [Name in keyof Rooms]: Part<Rooms[Name]> } = {
  ...storedRooms,
  ...pluggedRooms,
  ...doors,
}

/** What a hub is given besides what `openRooms` opens. */
export type Start = Omit<
  Given,
  'publicNames' | 'clusterName' | 'store' | 'db' | 'secretBox' | 'cluster' | 'provided' | 'describe'
>

/** Opens the database, and connects the rooms without making them. */
export async function openRooms(
  start: Start,
  { patient, copiedKey }: { readonly patient?: boolean; readonly copiedKey?: Buffer | undefined } = {},
) {
  const { config, counts, log, onClose } = start
  const { data_dir: dataDir, publicNames } = config
  await prepareDataDir(dataDir)
  const url = urlOf(config)
  const target =
    url === null ? { driver: 'embedded' as const, dataDir } : { driver: 'postgres' as const, url }
  const store = await openDatabase(target, { log, patient, onQuery: counts.query })
  onClose(() => store.close())
  const given: Given = {
    ...start,
    publicNames,
    clusterName: publicNames.clusterName,
    store,
    db: store.db,
    secretBox: await openSecretBox({ dataDir, db: store.db, copiedKey }),
    cluster: url === null ? loneHub : await import('./several-hubs.ts'),
    provided: () => parts.provided(),
    describe: () => parts.describe(),
  }
  const parts: Parts<House> = createParts<Given, Rooms>(given, hubRooms, log)
  return parts
}
