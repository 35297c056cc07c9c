import { rename, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { MezError } from '@mezite/core'
import {
  foreignPlugins,
  type LockedPlugin,
  PLUGIN_LOCK,
  type ProgramCommand,
  readPluginLock,
} from '@mezite/core/program'

export const pluginsCommand: ProgramCommand = {
  summary: 'lock the plugins of others as they are now',
  help: `Usage: mezhub plugins accept --config FILE [--yes]

Writes the hash of each configured plugin that is not of the standard set to ${PLUGIN_LOCK} beside FILE: of all files of its package,
and of the packages that it depends on. From then on no plugin starts whose files have changed, and none that is not in the list.
Shows what differs from the list and asks before it writes. Runs nothing of the plugins. Delete the list to load plugins without it.

  --config FILE   the hub's configuration
  --yes           do not ask
`,
  async run(args, print) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { config: { type: 'string', short: 'c' }, yes: { type: 'boolean', default: false } },
    })
    if (positionals.join(' ') !== 'accept' || values.config === undefined)
      throw new MezError('MEZ_USAGE_WRONG', 'mezhub plugins needs "accept" and --config FILE', {
        hint: 'Run mezhub plugins --help.',
      })
    const folder = dirname(resolve(values.config))
    const found = await foreignPlugins(values.config)
    const known = (await readPluginLock(folder)) ?? {}
    const lines = differences(known, found)
    if (lines.length === 0) return print('Each plugin is as it was accepted.\n')
    print(`${lines.join('\n')}\n`)
    if (!values.yes) await ask('A plugin can do everything that the hub can. Accept these? [y/N] ')
    const file = join(folder, PLUGIN_LOCK)
    const draft = `${file}.${process.pid}`
    await writeFile(draft, `${JSON.stringify({ plugins: found }, null, 2)}\n`, { mode: 0o644, flush: true })
    await rename(draft, file)
    print(`Wrote ${file}.\n`)
  },
}

type Plugins = Readonly<Record<string, LockedPlugin>>

function differences(known: Plugins, found: Plugins): readonly string[] {
  const say = ({ version }: LockedPlugin) => version ?? 'without a version'
  const lines: string[] = []
  for (const [key, now] of Object.entries(found)) {
    const before = known[key]
    if (before === undefined) lines.push(`new      ${key} ${say(now)}`)
    else if (before.sha256 !== now.sha256) lines.push(`changed  ${key} ${say(before)} -> ${say(now)}`)
  }
  for (const [key, before] of Object.entries(known))
    if (!(key in found)) lines.push(`removed  ${key} ${say(before)}`)
  return lines
}

async function ask(question: string): Promise<void> {
  const refused = new MezError('MEZ_USAGE_WRONG', 'nothing was accepted', {
    hint: 'Answer "y", or pass --yes where nobody can be asked.',
  })
  if (!process.stdin.isTTY) throw refused
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question(question)
  terminal.close()
  if (!/^y(es)?$/i.test(answer.trim())) throw refused
}
