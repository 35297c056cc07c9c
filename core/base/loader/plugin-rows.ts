import type { PluginRow } from '../../api/hub-state.ts'
import { MezError } from '../../kernel/error.ts'
import type { PluginStatus } from '../../kernel/kernel.ts'
import type { LoadedPlugin } from './plugin-loader.ts'

/** The references and hooks that give a plugin a right, for `mezctl status --plugins`. */
const RIGHTS: Readonly<Record<string, readonly string[]>> = {
  'grants access': [
    ...[
      'access.decide',
      'access.challenge',
      'assertion',
      'authorities',
      'commandLogins',
      'credentials',
      'verifiers',
      'protocols',
    ],
    ...['administration', 'grants', 'sessions', 'signInDesk', 'signInMethods', 'users'],
  ],
  'writes the database': ['database', 'databaseServer', 'migrations', 'revisions', 'user.released'],
  'sees bodies': ['certificates', 'certifiedHttp', 'dial.open', 'protocols', 'transports', 'tunnel'],
}

/** The loaded plugins in the order of their setup, with where they come from and what they may do. */
export function pluginRows(
  rows: readonly PluginStatus[],
  loaded: readonly LoadedPlugin[],
): readonly PluginRow[] {
  return rows.map((row) => {
    const found = loaded.find(({ plugin: { name } }) => name === row.name)
    const { plugin, file = null } = found ?? {}
    const refs = Object.values({ ...plugin?.needs, ...plugin?.wants, ...plugin?.provides })
    const named = [...row.taps, ...refs.map(({ id }) => id)]
    const rights = Object.entries(RIGHTS).filter(([, by]) => named.some((one) => by.includes(one)))
    const declared = declarationOf(found?.declared)
    return { ...row, source: file, rights: rights.map(([right]) => right), declared }
  })
}

function declarationOf(mezite: unknown): PluginRow['declared'] {
  const { status, readsStrangers, fuzzed, rights } = Object(mezite)
  const flag = (value: unknown) => (typeof value === 'boolean' ? value : null)
  return {
    status: ['stable', 'beta', 'experimental'].includes(status) ? status : null,
    ...{ readsStrangers: flag(readsStrangers), fuzzed: flag(fuzzed) },
    rights: rights === undefined ? null : [rights].flat(),
  }
}

/** Throws `MEZ_PLUGIN_INVALID` for a plugin with a right beside those that its package declares: nobody has read of it. */
export function refuseUndeclared(rows: readonly PluginRow[]): void {
  for (const { name, source, rights, declared } of rows) {
    const more = rights.filter((right) => declared.rights?.includes(right) === false)
    if (more.length === 0) continue
    const message = `plugin '${name}' (${source}) has rights that its package.json does not declare: ${more.join(', ')}`
    const hint =
      'Read its code, and ask its author. "mezite": { "rights": [...] } of its package.json declares them.'
    throw new MezError('MEZ_PLUGIN_INVALID', message, { hint })
  }
}
