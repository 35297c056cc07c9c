import type { FastifyPluginAsync } from 'fastify'
import { DialRefusal } from '../../api/dial-refusal.ts'
import { Problem } from '../../api/problem.ts'
import { webRoutes } from '../../api/web-routes.ts'
import type { Log } from '../../kernel/log.ts'
import type { AnyPlugin } from '../../kernel/plugin.ts'

type Fn = (...args: unknown[]) => unknown

/**
 * The same plugin with another log, and each error that its taps, routes or provided methods throw is passed to `report`
 * before the caller gets it. A `Problem` or `DialRefusal` is not reported: it is a response, not a fault.
 */
export function withStacks(
  plugin: AnyPlugin,
  log: Log,
  report: (where: string, error: unknown) => void,
): AnyPlugin {
  const reported = new WeakSet()
  const fail = (where: string, error: unknown): void => {
    if (error instanceof Problem || error instanceof DialRefusal) return
    if (typeof error === 'object' && error !== null) {
      if (reported.has(error)) return
      reported.add(error)
    }
    report(where, error)
  }
  const watch =
    (where: string, fn: Fn): Fn =>
    (...args) => {
      try {
        const result = fn(...args)
        if (result instanceof Promise) result.catch((error) => fail(where, error))
        return result
      } catch (error) {
        fail(where, error)
        throw error
      }
    }
  const watchPart = (where: string, part: unknown): unknown => {
    const functions = new Map<string, Fn>()
    for (let one: unknown = part; one && one !== Object.prototype; one = Object.getPrototypeOf(one)) {
      for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(one)))
        if (typeof value === 'function' && key !== 'constructor' && !functions.has(key))
          functions.set(key, value)
    }
    if (!Object.isExtensible(part)) return part
    for (const [key, fn] of functions) {
      const own = fn.bind(part)
      const isRoutes = key === 'routes' && plugin.provides?.[where]?.id === webRoutes.id
      const value = watch(`${where}.${key}`, isRoutes ? watchRoutes(own as FastifyPluginAsync) : own)
      Reflect.defineProperty(part as object, key, { value, configurable: true, writable: true })
    }
    return part
  }
  const watchRoutes =
    (routes: FastifyPluginAsync): Fn =>
    async (web, options) => {
      const server = web as Parameters<FastifyPluginAsync>[0]
      server.addHook('onError', async (request, _reply, error) =>
        fail(`${request.method} ${request.url}`, error),
      )
      await routes(server, options as Parameters<FastifyPluginAsync>[1])
    }
  return {
    ...plugin,
    setup: (host) =>
      plugin.setup({
        ...host,
        log,
        tap: mapValues(host.tap as Record<string, Record<string, Fn>>, (verbs, room) =>
          mapValues(verbs, (tap: Fn, verb) => (fn: Fn, options: unknown) => {
            const where = `${room}.${verb}`
            // A plugin that does not start ends the hub, which prints the stack itself.
            const watched = typeof fn === 'function' && where !== 'lifecycle.start'
            tap(watched ? watch(where, fn) : fn, options)
          }),
        ),
        provide: mapValues(host.provide, (give: Fn, name) => (part: unknown) => give(watchPart(name, part))),
      } as typeof host),
  }
}

const mapValues = <T, R>(
  from: Readonly<Record<string, T>>,
  value: (one: T, key: string) => R,
): Record<string, R> => Object.fromEntries(Object.entries(from).map(([key, one]) => [key, value(one, key)]))
