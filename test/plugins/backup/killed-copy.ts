/** `killed-copy.ts DATA_DIR BACKUP KEY_FILE MOMENT`: copies a backup to a migrated embedded database, and kills itself at a moment. */
import { openDatabase } from '../../../core/state/database/database.ts'
import { memoryLog } from '../../../core/testing/memory-log.ts'
import { openArchive, readKeyFile } from '../../../plugins/backup/archive/read-archive.ts'
import { writeDatabase } from '../../../plugins/backup/database/write-rows.ts'

const [dataDir = '', backup = '', keyFile = '', moment = ''] = process.argv.slice(2)
const killAt = (now: boolean) => void (now && process.kill(process.pid, 'SIGKILL'))

const { db } = await openDatabase({ driver: 'embedded', dataDir }, { log: memoryLog().log })
const { parts } = await openArchive(backup, (await readKeyFile(keyFile)).privateKey)
await writeDatabase(db, parts, {
  wrote: (table) => killAt(moment === (table.startsWith('the indexes') ? 'indexes' : 'rows')),
  verify: async () => killAt(moment === 'verification'),
})
killAt(moment === 'committed')
