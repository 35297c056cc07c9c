import { join } from 'node:path'

/** Where each program is in its package, and in this checkout. */
const FILES = {
  mezhub: ['@mezite/hub/mezhub.js', 'core/mezhub.js'],
  mezd: ['@mezite/agent/mezd.js', 'agent/mezd.js'],
  mezctl: ['@mezite/mezctl/mezctl.js', 'oclif-cli/mezctl/mezctl.js'],
  msh: ['@mezite/msh/msh.js', 'oclif-cli/msh/msh.js'],
} as const

/**
 * The main file of a program: of this checkout, whose sources run unbuilt, or of the packages that are installed in the
 * `node_modules` which `PACKAGES_UNDER_TEST` names, as the tests have it.
 */
export function programFile(name: keyof typeof FILES): string {
  const [packaged, source] = FILES[name]
  const modules = process.env.PACKAGES_UNDER_TEST
  return modules === undefined ? join(import.meta.dirname, '../..', source) : join(modules, packaged)
}
