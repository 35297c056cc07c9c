import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

/** The script that pages include to be warned before their session ends. */
export const sessionScript = served('session.js')
/** The script of the page with which the small window closes. */
export const renewedScript = served('renewed.js')

/** Reads a script once, so that a broken installation fails at start-up; removes comments and indentation. */
function served(name: string): string {
  const file = createRequire(import.meta.url).resolve(`@mezite/plugin-http-apps/browser/${name}`)
  return readFileSync(file, 'utf8').replace(/^[ \t]*(?:(?:\/\/|\/\*\*).*)?\n?/gm, '')
}
