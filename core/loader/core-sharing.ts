import module from 'node:module'

const CORE = /^@mezite\/core(?:\/|$)/
let shared = false

/**
 * From here on `@mezite/core` and what is below it are this program's own wherever they are imported. A plugin beside a
 * configuration file needs no copy, and where it has one nobody is confused by two: errors of the one would be no
 * `instanceof` of the other. Node.js asks the hook about every module that is loaded later, so only those who load
 * plugins of others pay for it.
 */
export function shareCore(): void {
  if (shared) return
  shared = true
  module.registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, CORE.test(specifier) ? { ...context, parentURL: import.meta.url } : context),
  })
}
