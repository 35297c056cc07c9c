import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { MezError, messageOf } from '@mezite/core'
import {
  hasEncryptionKey,
  installEncryptionKey,
  type LoadedConfig,
  loadConfig,
  openOffline,
  proveKey,
  readEncryptionKey,
  streamFromHub,
} from '@mezite/core/program'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { takeBackup } from '../archive/backup.ts'
import { openArchive, readKeyFile } from '../archive/read-archive.ts'
import { encrypterFor, refuseExisting } from '../archive/write-archive.ts'
import { listMigrations, listTables } from '../database/tables.ts'
import { refuseUnknown, refuseUsed, writeDatabase } from '../database/write-rows.ts'
import { createProgress } from '../progress.ts'
import { runChecks } from './checks.ts'
import { refuseStranger, signerOfCluster } from './trust.ts'

const usage = (message: string) => new MezError('MEZ_USAGE_WRONG', message)

/** Runs `mezhub backup` and its two sub-commands. */
export async function runBackup(args: readonly string[], print: (text: string) => void): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      config: { type: 'string', short: 'c' },
      recipient: { type: 'string', multiple: true },
      'key-file': { type: 'string' },
      'signed-by': { type: 'string', multiple: true },
    },
  })
  const { config } = values
  const [first, second, ...more] = positionals
  if (first === 'signer') {
    if (second !== undefined || config === undefined) throw usage('mezhub backup signer needs --config FILE')
    return print(`${await configuredSigner(config)}\n`)
  }
  const sub = first === 'verify' || first === 'key' ? first : null
  const file = sub === null ? first : second
  if (file === undefined) throw usage('mezhub backup needs a FILE')
  if (more.length > 0 || (sub === null && second !== undefined)) throw usage('mezhub backup takes one FILE')
  if (sub === 'key')
    return print(await makeKey(resolve(file), config === undefined ? null : await configuredSigner(config)))
  if (sub === 'verify') {
    if (values['key-file'] === undefined) throw usage('mezhub backup verify needs --key-file FILE')
    return print(await verify(resolve(file), values['key-file'], values['signed-by'] ?? []))
  }
  if (config === undefined) throw usage('mezhub backup needs --config FILE')
  const loaded = await loadConfig({ file: config })
  const recipients = values.recipient ?? configuredRecipients(loaded)
  if (recipients.length === 0)
    throw usage('mezhub backup needs --recipient KEY, or plugins.backup.recipients in the configuration')
  await encrypterFor(recipients)
  await refuseExisting(resolve(file))
  const rows = await backUp(loaded, resolve(file), recipients)
  const signer = await signerOfCluster(loaded.config.data_dir)
  print(`Wrote ${resolve(file)}: ${rows.toLocaleString('en-US')} rows, signed by ${signer}.\n`)
}

const configuredSigner = async (file: string): Promise<string> =>
  signerOfCluster((await loadConfig({ file })).config.data_dir)

const configuredRecipients = ({ plugins }: LoadedConfig): readonly string[] => {
  const own = plugins.find(({ plugin }) => plugin.name === 'backup')
  return (Object(own?.config) as { recipients?: readonly string[] }).recipients ?? []
}

/** A hub that runs writes the file itself, since it has the database open. */
async function backUp(loaded: LoadedConfig, file: string, recipients: readonly string[]): Promise<number> {
  const running = await streamFromHub(loaded.config.data_dir, '/backups', { file, recipients })
  if (running === null) return backUpStopped(loaded, file, recipients)
  const progress = createProgress('Copying', 0)
  try {
    for await (const line of running) {
      const { table, rows, done, error } = Object(line) as Record<string, unknown>
      if (typeof error === 'string') throw new MezError('MEZ_COPY_INCOMPLETE', error)
      if (typeof done === 'number') return done
      progress.add(String(table), Number(rows))
    }
  } finally {
    progress.end()
  }
  throw new MezError('MEZ_COPY_INCOMPLETE', 'the hub ended before the backup was complete')
}

async function backUpStopped(
  loaded: LoadedConfig,
  file: string,
  recipients: readonly string[],
): Promise<number> {
  const encryptionKey = await readEncryptionKey(loaded.config.data_dir, process.env)
  const cluster = await openOffline(loaded)
  try {
    const { database, migrations, version, config } = cluster
    const tables = await listTables(database)
    const progress = createProgress(
      'Copying',
      tables.reduce((sum, { estimate }) => sum + estimate, 0),
    )
    const source = { database, migrations, version, cluster: config.cluster_name, shared: false }
    const key = encryptionKey ?? (await readEncryptionKey(config.data_dir, process.env))!
    return await takeBackup({ ...source, encryptionKey: key }, file, recipients, progress.add).finally(
      progress.end,
    )
  } finally {
    await cluster.close()
  }
}

/** `signer`: the cluster whose backups may be restored with the key; null: the file does not say. */
async function makeKey(file: string, signer: string | null): Promise<string> {
  const identity = await generateX25519Identity()
  const recipient = await identityToRecipient(identity)
  const signed = signer === null ? '' : `# Signed by: ${signer}\n`
  const text = `# Private key of Mezite backups. Keep it away from the hub; without it no backup can be read.\n# Public key: ${recipient}\n${signed}${identity}\n`
  await writeFile(file, text, { flag: 'wx', mode: 0o600 }).catch((cause: Error) => {
    throw new MezError('MEZ_FILE_UNWRITABLE', `cannot write ${file}: ${messageOf(cause)}`, { cause })
  })
  return `Wrote the private key to ${file}. Keep it away from the hub, in two places.\nPublic key: ${recipient}\n`
}

async function verify(file: string, keyFile: string, given: readonly string[]): Promise<string> {
  const { privateKey, signers } = await readKeyFile(keyFile)
  const { head, signer, parts } = await openArchive(file, privateKey)
  const named = given.length > 0 ? given : signers
  if (named.length > 0) refuseStranger(file, { signer, named, isOwn: false })
  const progress = createProgress('Reading', 0)
  let [table, tables, rows] = ['', 0, 0]
  try {
    for await (const part of parts) {
      if ('table' in part) [table, tables] = [part.table, tables + 1]
      else {
        rows += part.rows
        progress.add(table, part.rows)
      }
    }
  } finally {
    progress.end()
  }
  return [
    `${file} is complete: ${rows.toLocaleString('en-US')} rows of ${tables} tables.`,
    `Cluster ${head.cluster}, at ${head.time}, written by version ${head.version}.`,
    `Signed by ${signer}${named.length > 0 ? ', as named' : ': compare it with `mezhub backup signer` on a machine of the cluster'}.`,
    ...pluginsLine(head.tables),
    '',
  ].join('\n')
}

/** A restore needs these plugins, whether they were configured when the backup was made or not. */
function pluginsLine(tables: Readonly<Record<string, string | null>>): readonly string[] {
  const owners = new Set(Object.values(tables).filter((owner) => owner !== null))
  return owners.size === 0 ? [] : [`It has rows of these plugins: ${[...owners].sort().join(', ')}.`]
}

/** Runs `mezhub restore`. */
export async function runRestore(args: readonly string[], print: (text: string) => void): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      config: { type: 'string', short: 'c' },
      'key-file': { type: 'string' },
      'signed-by': { type: 'string', multiple: true },
    },
  })
  const [file, ...more] = positionals
  if (file === undefined || more.length > 0) throw usage('mezhub restore takes one FILE')
  if (values.config === undefined) throw usage('mezhub restore needs --config FILE')
  if (values['key-file'] === undefined) throw usage('mezhub restore needs --key-file FILE')
  const loaded = await loadConfig({ file: values.config })
  const { privateKey, signers } = await readKeyFile(values['key-file'])
  const { head, signer, parts } = await openArchive(resolve(file), privateKey)
  const encryptionKey = Buffer.from(head.encryption_key, 'base64')
  const { data_dir: dataDir } = loaded.config
  const isOwn = await hasEncryptionKey(dataDir, encryptionKey)
  refuseStranger(resolve(file), { signer, named: values['signed-by'] ?? signers, isOwn })
  const cluster = await openOffline(loaded, { copiedKey: encryptionKey })
  const progress = createProgress('Restoring', 0)
  try {
    const { database, migrations, checks } = cluster
    await refuseUsed(database)
    await refuseUnknown(head.tables, database)
    const owners = migrations.map(({ owner }) => owner)
    refuseOtherVersion(head, await listMigrations(database, owners))
    let [rows, report] = [0, '']
    await writeDatabase(database, parts, {
      wrote: progress.add,
      async verify(trx, counts) {
        progress.end()
        rows = [...counts.values()].reduce((sum, count) => sum + count, 0)
        await proveKey(trx, encryptionKey)
        report = await runChecks(checks, trx)
        // The hub needs it as soon as the rows are committed. A command that is killed here can be repeated.
        await installEncryptionKey(dataDir, encryptionKey)
      },
    }).finally(progress.end)
    print(`Restored ${rows.toLocaleString('en-US')} rows of cluster ${head.cluster}, as of ${head.time}.\n`)
    print(report)
  } finally {
    await cluster.close()
  }
  print(`
Not restored: sign-ins, join tokens, enrolment links. People sign in again; agents return by themselves.
Changes after ${head.time} are missing, so check what was locked, removed or revoked since:
  mezctl locks ls; mezctl users ls; mezctl agents ls; mezctl api-tokens ls

Start the hub:
  mezhub start --config ${values.config}
`)
}

/** A plugin that is no longer configured may be missing: `refuseUnknown` has shown that it has no rows. */
function refuseOtherVersion(
  { version, migrations }: { version: string; migrations: Readonly<Record<string, readonly string[]>> },
  own: Readonly<Record<string, readonly string[]>>,
): void {
  for (const [owner, now] of Object.entries(own)) {
    const before = migrations[owner] ?? []
    const other = before.find((name) => !now.includes(name)) ?? now.find((name) => !before.includes(name))
    if (other === undefined) continue
    throw new MezError(
      'MEZ_COPY_REFUSED',
      `the backup was written by version ${version} with other tables (${owner}/${other})`,
      { hint: `Restore it with version ${version} and the same plugins, then upgrade.` },
    )
  }
}
