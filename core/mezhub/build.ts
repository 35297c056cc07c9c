/** `npm run build -w @mezite/hub`: writes an empty database to `dist`, or the given folder, with which hubs start the first time. */
import { join } from 'node:path'
import { emptyDatabase } from '../program/dev/database-seed.ts'
import { packEmptyDatabase } from '../state/database/empty-database.ts'

await packEmptyDatabase(await emptyDatabase(), process.argv[2] ?? join(import.meta.dirname, 'dist'))
