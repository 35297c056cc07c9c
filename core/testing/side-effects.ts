import { AsyncLocalStorage, createHook } from 'node:async_hooks'
import { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import fs from 'node:fs'
import { open } from 'node:fs/promises'
import module from 'node:module'
import { devNull } from 'node:os'

/** What a piece of code did beside its result, and what it has left running. */
export interface SideEffects {
  /** Calls of functions of `node:fs` and of file handles, and started programs, in order: `writeFileSync`. */
  readonly calls: readonly FileCall[]
  /** Errors that were emitted without a listener, which ends a program. */
  readonly unheard: readonly unknown[]
  /** Ports, watchers and timers that are still open, by kind. Waits until they close, for at most a second. */
  left(): Promise<readonly string[]>
  /** Closes what is left, so that the process of the test can end. */
  end(): void
}

/** One call that reads or changes files, or starts a program. */
export interface FileCall {
  readonly name: string
  readonly kind: 'read' | 'write' | 'sync' | 'program'
}

/** The handles of Node.js that a plugin closes at its end, by their names in `node:async_hooks`. */
const OPEN: Readonly<Record<string, string>> = {
  Timeout: 'a timer',
  TCPSERVERWRAP: 'a port',
  PIPESERVERWRAP: 'a port',
  UDPWRAP: 'a UDP port',
  FSEVENTWRAP: 'a watcher of files',
  STATWATCHER: 'a watcher of files',
}
const LEFT_MS = 1_000
const LOOKUP_MS = 50
const POLL_MS = 10
const WRITES =
  /^(append|chmod|chown|copyFile|cp|create|link|lutimes|mkdir|rename|rm|symlink|trunc|ftrunc|unlink|utimes|write)/
const SYNCS = /^(f?datasync|f?sync|fsyncSync|fdatasyncSync)$/

type Fn = (...args: unknown[]) => unknown
type Object_ = Record<string, unknown>
type Recorder = { calls: FileCall[]; unheard: unknown[] }

const recorders = new AsyncLocalStorage<Recorder>()
let patched: Promise<void> | undefined

/** Runs code and watches what it does, together with everything that it starts. */
export async function watchEffects<T>(
  run: () => T | Promise<T>,
): Promise<SideEffects & { readonly result: T }> {
  patched ??= patchModules()
  await patched
  const recorder: Recorder = { calls: [], unheard: [] }
  const handles = new Map<number, { readonly kind: string; readonly resource: object }>()
  const hook = createHook({
    init(id, type, _trigger, resource) {
      const kind = OPEN[type]
      if (kind === undefined || recorders.getStore() !== recorder) return
      if (type !== 'Timeout' || isOwnTimer()) handles.set(id, { kind, resource })
    },
    destroy: (id) => void handles.delete(id),
  }).enable()
  try {
    const result = await recorders.run(recorder, async () => run())
    return {
      ...recorder,
      result,
      async left() {
        // A port whose host is looked up opens a moment later.
        await new Promise((resolve) => setTimeout(resolve, LOOKUP_MS))
        for (const until = performance.now() + LEFT_MS; handles.size > 0 && performance.now() < until; )
          await new Promise((resolve) => setTimeout(resolve, POLL_MS))
        return [...handles.values()].map(({ kind }) => kind)
      },
      end() {
        hook.disable()
        for (const { resource } of handles.values()) (resource as { close?: () => void }).close?.()
      },
    }
  } catch (error) {
    hook.disable()
    throw error
  }
}

/** Whether the code that sets a timer is not Node.js itself, for example its pool of connections. */
function isOwnTimer(): boolean {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 20
  const frames = (new Error().stack ?? '').split('\n').slice(1)
  Error.stackTraceLimit = stackTraceLimit
  const caller = frames.find(
    (frame) => !frame.includes(import.meta.filename) && !/node:(internal\/)?(timers|async_hooks)/.test(frame),
  )
  return caller !== undefined && !caller.includes('node:')
}

const kindOf = (name: string, args: readonly unknown[]): FileCall['kind'] => {
  if (SYNCS.test(name) || args.some((arg) => Object(arg).flush === true)) return 'sync'
  const flags = /^open/.test(name) ? (args[1] ?? 'r') : 'r'
  if (typeof flags === 'string' ? flags !== 'r' : (Number(flags) & 3) !== 0) return 'write'
  return WRITES.test(name) ? 'write' : 'read'
}

/** Once for each process: the functions record for those that watch, and otherwise do what they did. */
async function patchModules(): Promise<void> {
  const watch = (owner: object, name: string, kind?: FileCall['kind']) => {
    const target = owner as Object_
    const original = target[name] as Fn
    target[name] = Object.assign(function (this: unknown, ...args: unknown[]) {
      recorders.getStore()?.calls.push({ name, kind: kind ?? kindOf(name, args) })
      return original.apply(this, args)
    }, original)
  }
  for (const owner of [fs, fs.promises])
    for (const [name, value] of Object.entries(owner as unknown as Object_))
      if (typeof value === 'function' && /^[a-z]/.test(name)) watch(owner, name)
  const handle = await open(devNull)
  const prototype = Object.getPrototypeOf(handle) as object
  await handle.close()
  for (const name of [
    'appendFile',
    'datasync',
    'read',
    'readFile',
    'sync',
    'truncate',
    'write',
    'writeFile',
    'writev',
  ])
    watch(prototype, name)
  watch(ChildProcess.prototype, 'spawn', 'program')
  module.syncBuiltinESMExports()
  const { emit } = EventEmitter.prototype
  EventEmitter.prototype.emit = function (this: EventEmitter, event: string | symbol, ...args: unknown[]) {
    const recorder = event === 'error' && this.listenerCount('error') === 0 ? recorders.getStore() : undefined
    if (recorder === undefined) return emit.call(this, event, ...args)
    recorder.unheard.push(args[0])
    return false
  }
}
