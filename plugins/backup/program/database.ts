import { parseArgs } from 'node:util'
import { MezError, type Transaction } from '@mezite/core'
import {
  type LoadedConfig,
  loadConfig,
  type OfflineCluster,
  openOffline,
  readEncryptionKey,
} from '@mezite/core/program'
import { sql } from 'kysely'
import { readDatabase } from '../database/read-rows.ts'
import { listFilled, listTables } from '../database/tables.ts'
import { refuseUnknown, refuseUsed, writeDatabase } from '../database/write-rows.ts'
import { createProgress } from '../progress.ts'
import { runChecks } from './checks.ts'

const usage = (message: string, hint?: string) =>
  new MezError('MEZ_USAGE_WRONG', message, hint === undefined ? {} : { hint })

/** Runs `mezhub database move`. */
export async function runDatabase(args: readonly string[], print: (text: string) => void): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { config: { type: 'string', short: 'c' }, to: { type: 'string' } },
  })
  if (positionals.join(' ') !== 'move') throw usage('mezhub database is not complete: mezhub database move')
  if (values.config === undefined) throw usage('mezhub database move needs --config FILE')
  if (values.to === undefined) throw usage('mezhub database move needs --to DATABASE')
  const loaded = await loadConfig({ file: values.config })
  const to = targetOf(values.to, loaded)
  const source = await openOffline(loaded)
  try {
    await refuseRunning(source)
    const key = await readEncryptionKey(loaded.config.data_dir, process.env)
    const target = await openOffline(loaded, { database: to, copiedKey: key! })
    try {
      await refuseUsed(target.database)
      await refuseUnknown(await listFilled(source.database), target.database)
      const { rows, report } = await copy(source, target)
      print(`Copied ${rows.toLocaleString('en-US')} rows. The source was not changed.\n${report}`)
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
  const setting =
    to.driver === 'embedded'
      ? '  database: { driver: embedded }'
      : `  database: { driver: postgres, url: ${to.url} }`
  print(`\nSet this in ${values.config}, and start the hub:\n${setting}\n`)
}

function targetOf(to: string, { config }: LoadedConfig): OfflineCluster['config']['database'] {
  if (to === 'embedded') {
    if (config.database.driver === 'embedded') throw usage('the database is embedded already')
    return { driver: 'embedded' }
  }
  if (!/^postgres(ql)?:\/\//.test(to) || !URL.canParse(to))
    throw usage(`"${to}" is not a database`, 'Give --to postgres://USER@HOST/NAME, or --to embedded.')
  if (new URL(to).password !== '')
    throw usage(
      'a password on the command line can be read by every user of the machine',
      'Leave it out of --to, and set PGPASSWORD or PGPASSFILE.',
    )
  return { driver: 'postgres', url: to }
}

/** Changes of a hub that still runs would be missing in the copy. An embedded database is locked while one runs. */
async function refuseRunning({ database, dialect }: OfflineCluster): Promise<void> {
  if (dialect === 'embedded') return
  const { rows } = await sql<{ n: number }>`SELECT count(*)::integer AS n FROM hubs
    WHERE seen > now() - interval '10 seconds'`.execute(database)
  const running = rows[0]?.n ?? 0
  if (running === 0) return
  throw new MezError(
    'MEZ_COPY_REFUSED',
    `${running === 1 ? 'a hub is' : `${running} hubs are`} running on the source`,
    {
      hint: 'Stop every hub of the cluster, wait ten seconds, and repeat the command.',
    },
  )
}

async function copy(source: OfflineCluster, target: OfflineCluster) {
  const estimate = (await listTables(source.database)).reduce((sum, table) => sum + table.estimate, 0)
  const progress = createProgress('Copying', estimate)
  let read = 0
  async function* counted() {
    for await (const part of readDatabase({ database: source.database, without: new Set() })) {
      if ('rows' in part) read += part.rows
      yield part
    }
  }
  let report = ''
  async function verify(trx: Transaction, counts: ReadonlyMap<string, number>): Promise<void> {
    progress.end()
    let stored = 0
    for (const [name, rows] of counts) {
      const { rows: found } = await sql<{
        n: number
      }>`SELECT count(*)::bigint AS n FROM ${sql.table(name)}`.execute(trx)
      stored += Number(found[0]?.n)
      if (Number(found[0]?.n) !== rows)
        throw new MezError('MEZ_COPY_INCOMPLETE', `the target has ${found[0]?.n} of ${rows} rows of ${name}`)
    }
    if (stored !== read) throw new MezError('MEZ_COPY_INCOMPLETE', `${stored} of ${read} rows were stored`)
    report = await runChecks(target.checks, trx)
  }
  const steps = { wrote: progress.add, verify }
  await writeDatabase(target.database, counted(), steps).finally(progress.end)
  return { rows: read, report }
}
