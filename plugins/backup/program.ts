/** The commands of `mezhub` that this package adds. */
import type { ProgramCommand } from '@mezite/core/program'
import { runBackup, runRestore } from './program/archive.ts'
import { runDatabase } from './program/database.ts'

export const commands: Readonly<Record<string, ProgramCommand>> = {
  backup: {
    summary: 'back up a cluster while it runs, check a backup',
    help: `Usage: mezhub backup FILE --config FILE [--recipient KEY]...
       mezhub backup verify FILE --key-file FILE
       mezhub backup key FILE

Writes an encrypted copy of the cluster to FILE while its hubs run; run it as the hub's own user. It contains the
database and the encryption key, but no sign-ins, join tokens or one-use links. Encrypted with age: the private key is
needed for a restore only, so keep it away from the hub.

  --config FILE     the hub's configuration
  --recipient KEY   a public key (age1...); default: plugins.backup.recipients of the configuration
  --key-file FILE   the private key

  backup verify     decrypts FILE and checks that it is complete
  backup key        makes a pair of keys, writes the private one to FILE and prints the public one
`,
    run: runBackup,
  },
  restore: {
    summary: 'restore a backup into an empty database',
    help: `Usage: mezhub restore FILE --config FILE --key-file FILE

Restores a backup into the database of the configuration, which no hub may have used before, and the encryption key into
its data_dir. Then start the hub. Agents and passkeys go on working; people sign in again.

  --config FILE     the hub's configuration
  --key-file FILE   the private key that the backup was made for
`,
    run: runRestore,
  },
  database: {
    summary: 'move a cluster to another database',
    help: `Usage: mezhub database move --config FILE --to postgres://USER@HOST/NAME
       mezhub database move --config FILE --to embedded

Copies everything from the database of the configuration to another one, which must be empty, and verifies the copy. Stop
every hub first. The source stays as it is. Can be repeated after an interruption. Sign-ins, agents and passkeys go on
working.

  --config FILE    the hub's configuration
  --to DATABASE    the target: a URL of PostgreSQL, or "embedded" for the data_dir. PGPASSWORD or a password file of
                   PostgreSQL (PGPASSFILE) gives the password
`,
    run: runDatabase,
  },
}
