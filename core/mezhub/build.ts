/** `npm run build -w @mezite/hub`: writes an empty database to `dist`, or the given folder, with which hubs start the first time. */
import { join } from 'node:path'
import { packEmptyDatabase } from '../state/database/empty-database.ts'
import { emptyDatabase } from '../testing/database-seed.ts'

await packEmptyDatabase(await emptyDatabase(), process.argv[2] ?? join(import.meta.dirname, 'dist'))
