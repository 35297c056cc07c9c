import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { MezError } from '@mezite/core'
import { type LockedPlugin, PLUGIN_LOCK } from '@mezite/core/program'

/** Plugins by their keys under `plugins:`. */
export type Plugins = Readonly<Record<string, LockedPlugin>>

/** A line for each plugin that was added, changed or removed. */
export function differences(known: Plugins, found: Plugins): readonly string[] {
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

/** Replaces the list in the folder of a configuration; returns its path. */
export async function writeAccepted(folder: string, plugins: Plugins): Promise<string> {
  const file = join(folder, PLUGIN_LOCK)
  const draft = `${file}.${process.pid}`
  await writeFile(draft, `${JSON.stringify({ plugins }, null, 2)}\n`, { mode: 0o644, flush: true })
  await rename(draft, file)
  return file
}

/** Resolves if a person answers "y"; rejects with `MEZ_USAGE_WRONG` otherwise, and where nobody can be asked. */
export async function askToAccept(question: string): Promise<void> {
  const refused = new MezError('MEZ_USAGE_WRONG', 'nothing was accepted', {
    hint: 'Answer "y", or pass --yes where nobody can be asked.',
  })
  if (!process.stdin.isTTY) throw refused
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question(`${question} [y/N] `)
  terminal.close()
  if (!/^y(es)?$/i.test(answer.trim())) throw refused
}
