/** The commands of `mezhub` that this package adds. */
import type { ProgramCommand } from '@mezite/core/program'
import { runBackup, runRestore } from './program/archive.ts'
import { runDatabase } from './program/database.ts'
import { pluginsCommand } from './program/plugins.ts'
import { runUpgrade } from './program/upgrade.ts'
import { versionCommand } from './program/version.ts'

export const commands: Readonly<Record<string, ProgramCommand>> = {
  backup: {
    summary: 'back up a cluster while it runs, check a backup',
    help: `Usage: mezhub backup FILE --config FILE [--recipient KEY]...
       mezhub backup verify FILE --key-file FILE [--signed-by SIGNER]
       mezhub backup key FILE [--config FILE]
       mezhub backup signer --config FILE

Writes an encrypted copy of the cluster to FILE, which must not exist, while its hubs run; run it as the hub's own user. It
contains the database and the encryption key, but no sign-ins, join tokens or one-use links. Encrypted with age: the
private key is needed for a restore only, so keep it away from the hub. Signed by the cluster.

  --config FILE      the hub's configuration
  --recipient KEY    a public key (age1...); default: plugins.backup.recipients of the configuration
  --key-file FILE    the private key
  --signed-by SIGNER the cluster that must have signed FILE (ed25519:...); default: those that the file of the private
                     key names

  backup verify     decrypts FILE and checks that it is complete and signed
  backup key        makes a pair of keys, writes the private one to FILE and prints the public one; with --config, FILE
                    also names the cluster whose backups may be restored with it
  backup signer     prints the signer of the cluster's backups
`,
    run: runBackup,
  },
  restore: {
    summary: 'restore a backup into an empty database',
    help: `Usage: mezhub restore FILE --config FILE --key-file FILE [--signed-by SIGNER]

Restores a backup into the database of the configuration, which no hub may have used before, and the encryption key into
its data_dir. The target is either complete and verified or as empty as before, so the command can be repeated after an
interruption. Then start the hub. Agents and passkeys go on working; people sign in again.

  --config FILE      the hub's configuration
  --key-file FILE    the private key that the backup was made for
  --signed-by SIGNER the cluster that must have signed FILE, as backup signer prints it; default: those that the file of
                     the private key names. Not needed where data_dir has the cluster's encryption key
`,
    run: runRestore,
  },
  database: {
    summary: 'move a cluster to another database',
    help: `Usage: mezhub database move --config FILE --to postgres://USER@HOST/NAME
       mezhub database move --config FILE --to embedded

Copies everything from the database of the configuration to another one, which must be empty, and verifies the copy before
it is committed. Stop every hub first. The source stays as it is. Can be repeated after an interruption. Sign-ins, agents
and passkeys go on working.

  --config FILE    the hub's configuration
  --to DATABASE    the target: a URL of PostgreSQL, or "embedded" for the data_dir. PGPASSWORD or a password file of
                   PostgreSQL (PGPASSFILE) gives the password
`,
    run: runDatabase,
  },
  upgrade: {
    summary: 'say what a version changes, before the upgrade',
    help: `Usage: mezhub upgrade --check --config FILE

Run it with the program of the new version, while the hubs of the old one run; an embedded database must not be in use. It
changes nothing, and says what the new version changes: keys of the configuration and plugins that it does not accept,
migrations and about how long they take, and agents that are too old. Exits 1 if something prevents the upgrade.

  --config FILE   the hub's configuration
`,
    run: runUpgrade,
  },
  version: versionCommand,
  plugins: pluginsCommand,
}
