import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { messageOf, reportError } from '@mezite/cli-shared'
import { Command, Config, flush, run, settings } from '@oclif/core'
import { commands } from './commands.ts'

/**
 * Runs one command line and sets the exit code. A command of ours is loaded alone and without CLI plugins: that keeps
 * the way to the first output short. Everything else (help, plugins, completion) takes oclif's whole way.
 */
export async function runMezctl(argv: readonly string[], manifest: URL): Promise<void> {
  // Linked plugins in TypeScript would otherwise be warned about at every start.
  settings.enableAutoTranspile = false
  const root = dirname(fileURLToPath(manifest))
  const pjson = JSON.parse(readFileSync(manifest, 'utf8'))
  const found = findCommand(argv)
  try {
    if (found === null || asksForHelp(argv)) {
      hideConfigInErrors()
      const ending = import.meta.url.endsWith('.ts') ? './command-classes.ts' : './dist/command-classes.js'
      const oclif = {
        ...pjson.oclif,
        commands: { strategy: 'explicit', target: ending, identifier: 'COMMANDS' },
      }
      await run(spaced(argv), { root, pjson: { ...pjson, oclif }, ignoreManifest: true })
      await flush()
    } else {
      const { plugins: _plugins, ...oclif } = pjson.oclif
      const config = await Config.load({
        root,
        pjson: { ...pjson, oclif },
        ignoreManifest: true,
        userPlugins: false,
        devPlugins: false,
      })
      const loaded = (await commands[found.id]!()).default as Command.Class
      loaded.id = found.id.replaceAll(' ', ':')
      await loaded.run([...found.rest], config as never)
    }
  } catch (error) {
    process.exitCode = reportError(error, found === null ? 'mezctl' : `mezctl ${found.id}`)
  }
}

/** `delete` and `list` are `rm` and `ls`. */
function canonical(word: string | undefined): string | undefined {
  return word === 'delete' ? 'rm' : word === 'list' ? 'ls' : word
}

function spaced(argv: readonly string[]): string[] {
  const [topic, verb, ...rest] = argv
  const word = canonical(verb)
  return word !== verb && `${topic} ${word}` in commands ? [topic!, word!, ...rest] : [...argv]
}

function findCommand(argv: readonly string[]): { id: string; rest: readonly string[] } | null {
  const [topic = '', verb] = argv
  const two = `${topic} ${canonical(verb)}`
  if (Object.hasOwn(commands, two)) return { id: two, rest: argv.slice(2) }
  if (Object.hasOwn(commands, topic)) return { id: topic, rest: argv.slice(1) }
  return null
}

function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end === -1 ? argv.length : end).some((word) => word === '--help' || word === '-h')
}

/** oclif's own commands (`plugins`) would print their whole configuration for a parse error under `--json`. */
function hideConfigInErrors(): void {
  const prototype = Command.prototype as unknown as { toErrorJson(error: unknown): unknown }
  prototype.toErrorJson = (error) => ({ error: { message: messageOf(error) } })
}
