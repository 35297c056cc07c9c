import type { PluginRow } from '../../api/hub-state.ts'
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
    const { plugin, file = null } = loaded.find(({ plugin: { name } }) => name === row.name) ?? {}
    const refs = Object.values({ ...plugin?.needs, ...plugin?.wants, ...plugin?.provides })
    const named = [...row.taps, ...refs.map(({ id }) => id)]
    const rights = Object.entries(RIGHTS).filter(([, by]) => named.some((one) => by.includes(one)))
    return { ...row, source: file, rights: rights.map(([right]) => right) }
  })
}
