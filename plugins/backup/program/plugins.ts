import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { MezError } from '@mezite/core'
import { foreignPlugins, PLUGIN_LOCK, type ProgramCommand, readPluginLock } from '@mezite/core/program'
import { askToAccept, differences, writeAccepted } from './accepted-plugins.ts'
import { addPlugin } from './add-plugin.ts'

export const pluginsCommand: ProgramCommand = {
  summary: 'install plugins of others, lock them as they are now',
  help: `Usage: mezhub plugins add PACKAGE --config FILE [--yes]
       mezhub plugins accept --config FILE [--yes]

add fetches a package of npm (NAME, NAME@VERSION, or the path of a package), runs nothing of it, and shows the rights that it asks for,
who vouches for its origin, and whether it works with this version. Then it asks, installs the package beside FILE, and writes the hash of
its files to ${PLUGIN_LOCK} there. FILE stays as it is: the command prints what to add to it.

accept writes the hash of each plugin of FILE that is not of the standard set to the list: of all files of its package, and of the
packages that it depends on. Shows what differs from the list and asks before it writes. Runs nothing of the plugins.

Once the list is there, no plugin starts whose files have changed, and none that is not in it. An agent reads the list beside its own
configuration: copy it there, or run accept with --config mezd.yaml. Delete the list to load plugins without it.

  --config FILE   the configuration of the hub, or of an agent
  --yes           do not ask
`,
  async run(args, print) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { config: { type: 'string', short: 'c' }, yes: { type: 'boolean', default: false } },
    })
    const [verb = '', spec] = positionals
    const complete = verb === 'add' ? positionals.length === 2 : positionals.join(' ') === 'accept'
    if (!complete || values.config === undefined)
      throw new MezError(
        'MEZ_USAGE_WRONG',
        'mezhub plugins needs "add PACKAGE" or "accept", and --config FILE',
        { hint: 'Run mezhub plugins --help.' },
      )
    const { config, yes } = values
    if (spec !== undefined) return addPlugin(spec, { config, yes, print })
    const folder = dirname(resolve(config))
    const found = await foreignPlugins(config)
    const lines = differences((await readPluginLock(folder)) ?? {}, found)
    if (lines.length === 0) return print('Each plugin is as it was accepted.\n')
    print(`${lines.join('\n')}\n`)
    if (!yes) await askToAccept('A plugin can do everything that the program can. Accept these?')
    print(`Wrote ${await writeAccepted(folder, found)}.\n`)
  },
}
