import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import module from 'node:module'
import { constants, homedir } from 'node:os'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import v8 from 'node:v8'
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'

const MINIMUM = 24
/** The condition of `exports` that selects the TypeScript sources of a package of this repository. */
const SOURCE = 'mezite-source'
/** The name of a package, or of a file in one. */
const PACKAGE = /^(?:@[\w.-]+\/)?[a-z0-9][\w.-]*(?:\/.+)?$/i
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']
/** A repeated signal within this time is the copy that the parent process forwarded, in milliseconds. */
const PASSED_ON_MS = 500

/**
 * Starts a program of Mezite: on Node.js 24 or newer in this process, on an older one by running the Node.js that is
 * pinned in the dependencies, in place of this process if possible. This file must load on Node.js 20.
 *
 * @param {string} name the program, for messages
 * @param {string} base `import.meta.url` of the bin file, at the root of its package
 * @param {string} entry the main module, relative to `base` and without its ending
 */
export async function launch(name, base, entry) {
  // By default this signal makes Node.js open its debugger to every user of the machine.
  process.on('SIGUSR1', () => {})
  const version = Number(process.versions.node.split('.')[0])
  if (version < MINIMUM) return relaunch(name)
  if (process.env.MEZITE_RELAUNCHED === '1') deduplicateSignals()
  // The flags were measured with this version of V8; others may not have them.
  if (version === MINIMUM) collectForRelays()
  leaveOutUndici()
  keepCompiled()
  // A package inside of the program finds what the program brings along by itself.
  const own = `${join(programFolder() ?? '/', 'node_modules')}${sep}`
  if (!fileURLToPath(import.meta.url).startsWith(own)) lookInProgram()
  const source = new URL(`${entry}.ts`, base)
  // A checkout runs its sources unbuilt; a published package has only dist.
  if (!existsSync(source)) {
    useBundles()
    return import(new URL(`dist/${entry}.js`, base).href)
  }
  // The flag on the command line costs nothing, whereas a hook runs for each of a thousand modules.
  if (!process.execArgv.includes(`--conditions=${SOURCE}`)) preferSources()
  await import(source.href)
}

/** The threads of a program read it, too: what they start with is a file of their own. */
const FOLDER = 'mezite:program'

/** Folder of the file that was started, with links followed, which is the package of the program; null: there is none. */
export function programFolder() {
  const folder = getEnvironmentData(FOLDER)
  if (folder !== undefined) return folder
  try {
    return dirname(realpathSync(process.argv[1] ?? ''))
  } catch {
    return null
  }
}

let looksInProgram = false

/**
 * Looks for packages that are not found otherwise among those that the program brings along. npm puts packages that are
 * installed together beside each other (`npm install --global HUB.tgz PLUGIN.tgz`), each with its own dependencies inside, so
 * that peers (what `@mezite/core` and plugins expect the program to have) are in a folder that only the program looks in.
 * A thread calls it for itself.
 */
export function lookInProgram() {
  const folder = programFolder()
  if (looksInProgram || folder === null || !existsSync(join(folder, 'node_modules'))) return
  looksInProgram = true
  setEnvironmentData(FOLDER, folder)
  const parentURL = pathToFileURL(join(folder, 'package.json')).href
  const find = module.createRequire(parentURL)
  module.registerHooks({
    resolve(specifier, context, next) {
      try {
        return next(specifier, context)
      } catch (error) {
        const isMissing = error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND'
        if (!isMissing || !PACKAGE.test(specifier)) throw error
        try {
          // For `require`, Node.js does not look at the parent that a hook names.
          if (context.conditions.includes('require'))
            return { url: pathToFileURL(find.resolve(specifier)).href, shortCircuit: true }
          return next(specifier, { ...context, parentURL })
        } catch {
          throw error
        }
      }
    },
  })
}

/**
 * Loads libraries of hundreds of modules from the few files that the build made of them (`dist/bundled`), for everybody who would
 * load the same copy of such a library: two copies in one program would not know each other's formats and classes.
 */
function useBundles() {
  const folder = new URL('dist/bundled/', import.meta.url)
  if (!existsSync(folder)) return
  const bundled = new Map()
  for (const [entry, file] of Object.entries(
    JSON.parse(readFileSync(new URL('bundled.json', folder), 'utf8')),
  )) {
    try {
      bundled.set(import.meta.resolve(entry), new URL(file, folder).href)
    } catch {
      // An agent has no database.
    }
  }
  module.registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context)
      const url = context.conditions.includes('import') ? bundled.get(found.url) : undefined
      return url === undefined ? found : { ...found, url, format: 'module' }
    },
  })
}

/** Resolves packages of a checkout to their sources. */
function preferSources() {
  module.registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, {
        ...context,
        conditions: [...context.conditions, SOURCE],
      }),
  })
}

/**
 * Relayed bytes are outside V8's heap, but by default V8 counts them against the heap limit: a program with a small
 * heap then runs a full collection for every few megabytes relayed, which takes half of its time.
 */
function collectForRelays() {
  v8.setFlagsFromString('--external-memory-accounted-in-global-limit')
  v8.setFlagsFromString('--heap-growing-percent=300')
}

/**
 * An import of `node:http` reads every export, and these three load the `fetch` of Node.js (undici): 10 MB of memory and
 * 25 ms of a start. The global `fetch` and `WebSocket` work as before.
 */
function leaveOutUndici() {
  const http = process.getBuiltinModule('node:http')
  for (const name of ['WebSocket', 'CloseEvent', 'MessageEvent']) {
    if (Object.getOwnPropertyDescriptor(http, name)?.configurable)
      Object.defineProperty(http, name, { value: undefined })
  }
}

/**
 * Caches compiled code, which halves the time of the next start. Node.js runs the cached code, so the cache must be in a
 * folder that no other user can write to; without one, nothing is cached.
 */
function keepCompiled() {
  // Node.js itself handles these variables.
  if (process.env.NODE_COMPILE_CACHE || process.env.NODE_DISABLE_COMPILE_CACHE) return
  try {
    const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
    const folder = join(caches, 'mezite')
    if (isPrivate(caches) && isPrivate(folder)) module.enableCompileCache(folder)
  } catch {
    // Without a writable home every start compiles.
  }
}

/** Whether only this user can change the folder. Creates a missing one. */
function isPrivate(folder) {
  if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 })
  const { uid, mode } = statSync(folder)
  return uid === process.getuid?.() && (mode & 0o022) === 0
}

function relaunch(name) {
  const node = pinnedNode()
  if (node === undefined || process.env.MEZITE_RELAUNCHED === '1') {
    process.stderr.write(
      `error: ${name} needs Node.js ${MINIMUM} or newer, this is ${process.version} (MEZ_NODE_OLD)\n` +
        'Install it, or run npm ci in a checkout, which brings it along.\n',
    )
    process.exit(1)
  }
  // Since Node.js 22.15. An older one cannot replace itself: it waits, holds about 45 MB, and `mezctl status` reports it.
  if (process.execve) return process.execve(node, [node, ...process.argv.slice(1)], process.env)
  let child
  // First, because a signal may arrive while the child starts.
  for (const signal of SIGNALS) process.on(signal, () => child?.kill(signal))
  child = spawn(node, process.argv.slice(1), {
    stdio: 'inherit',
    env: { ...process.env, MEZITE_RELAUNCHED: '1', MEZITE_PARENT_NODE: process.versions.node },
  })
  child.on('error', (error) => {
    process.stderr.write(`error: cannot start ${node}: ${error.message} (MEZ_NODE_OLD)\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
}

/**
 * A terminal or a supervisor signals both processes, and the parent also forwards its signals, because a signal may have
 * been sent to the parent alone. Two equal signals in quick succession therefore count as one.
 */
function deduplicateSignals() {
  const seen = new Map()
  const emit = process.emit
  process.emit = (event, ...args) => {
    if (!SIGNALS.includes(event)) return emit.call(process, event, ...args)
    const again = performance.now() - (seen.get(event) ?? Number.NEGATIVE_INFINITY) < PASSED_ON_MS
    if (again) return true
    seen.set(event, performance.now())
    return emit.call(process, event, ...args)
  }
}

function pinnedNode() {
  try {
    const require = module.createRequire(import.meta.url)
    const manifest = require.resolve(`node-${process.platform}-${process.arch}/package.json`)
    return join(dirname(manifest), 'bin', 'node')
  } catch {
    return undefined
  }
}
