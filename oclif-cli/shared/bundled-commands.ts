import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Command } from '@oclif/core/command'
import { CliError, messageOf } from './cli-error.ts'

/** Commands by the words that are typed (`apps ls`). Each loads its module only when it runs. */
export type Commands = Readonly<Record<string, () => Promise<Command.Class>>>

/** The members that are read of the package.json of a program, and of a package that has commands. */
interface Manifest {
  readonly name: string
  readonly oclif?: {
    readonly commands?: { readonly target: string; readonly identifier: string }
    readonly topics?: Readonly<Record<string, { readonly description?: string }>>
  }
  readonly mezite?: { readonly commands?: Readonly<Record<string, readonly string[]>> }
}

const readManifest = (file: URL | string): Manifest => JSON.parse(readFileSync(file, 'utf8'))

/** A checkout runs its sources unbuilt, and has no `dist`. */
const FROM_SOURCE = extname(import.meta.filename) === '.ts'

/**
 * The packages that a program brings along for their commands. Where the commands are, and the description of their
 * topics, is in the package's own manifest, as in that of any installed package; the program's manifest lists only which
 * command is in which package (`mezite.commands`), so that the start of one command reads no other package.
 *
 * @param manifest package.json of the program
 */
export function bundledPackages(manifest: URL) {
  const program = readManifest(manifest)
  const index = program.mezite?.commands ?? {}
  const packageOf = new Map(Object.entries(index).flatMap(([name, ids]) => ids.map((id) => [id, name])))
  const folders = createRequire(manifest).resolve.paths('@mezite/cli') ?? []
  const folderOf = (name: string) =>
    folders.map((folder) => join(folder, name)).find((folder) => existsSync(join(folder, 'package.json')))

  const absent = (id: string, name: string): CliError =>
    new CliError('MEZ_USAGE_WRONG', `unknown command ${JSON.stringify(id)}: ${name} is not installed`, {
      hint: `It comes with ${program.name}: install that again, or ask who installed it without.`,
    })

  async function load(id: string, name: string): Promise<Command.Class> {
    const folder = folderOf(name)
    if (folder === undefined) throw absent(id, name)
    try {
      const { target, identifier } = readManifest(join(folder, 'package.json')).oclif!.commands!
      const path = FROM_SOURCE ? target.replace(/^\.\/dist\/(.*)\.js$/, '$1.ts') : target
      const module = await import(pathToFileURL(join(folder, path)).href)
      return module[identifier][id.replaceAll(' ', ':')] ?? raise(`it has no command ${JSON.stringify(id)}`)
    } catch (cause) {
      throw new CliError('MEZ_COMMAND_FAILED', `${name} cannot be loaded: ${messageOf(cause)}`, {
        hint: `Install ${program.name} again. Other commands still work.`,
        cause,
      })
    }
  }

  const isInstalled = (id: string) => folderOf(packageOf.get(id)!) !== undefined
  const ids = [...packageOf.keys()]
  return {
    /** Every listed command. One whose package is missing or broken throws when it is loaded. */
    commands: Object.fromEntries(ids.map((id) => [id, () => load(id, packageOf.get(id)!)])) as Commands,
    /** The commands whose packages are there. */
    installed: () => ids.filter(isInstalled),
    /** Whether every listed package is there. */
    isComplete: () => Object.keys(index).every((name) => folderOf(name) !== undefined),
    /** The error of a topic (`roles`) all of whose commands are in packages that are not installed; null for another. */
    absentTopic(topic: string): CliError | null {
      const own = ids.filter((id) => id.split(' ')[0] === topic)
      return own.length > 0 && !own.some(isInstalled) ? absent(topic, packageOf.get(own[0]!)!) : null
    },
    /** The descriptions of the topics of installed packages, as far as they have commands of this program. */
    topics() {
      const all: NonNullable<NonNullable<Manifest['oclif']>['topics']> = Object.assign(
        {},
        ...Object.keys(index).map((name) => {
          const folder = folderOf(name)
          return folder && readManifest(join(folder, 'package.json')).oclif?.topics
        }),
      )
      const own = new Set(ids.map((id) => id.split(' ')[0]))
      return Object.fromEntries(Object.entries(all).filter(([topic]) => own.has(topic)))
    },
  }
}

function raise(message: string): never {
  throw new Error(message)
}
