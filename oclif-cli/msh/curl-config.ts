import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A configuration of curl that other users of the machine do not see. */
export interface CurlConfig {
  /** For `--config`. */
  readonly path: string
  /** For `spawn`. */
  readonly stdio: ('inherit' | number)[]
  /** Call it once curl has started. */
  started(): void
  /** Call it once curl has ended, or could not start. */
  ended(): void
}

/**
 * Passes a text to curl as a file that no name leads to any more: curl opens the descriptor again, which it cannot do with the sockets that
 * Node.js gives to programs as pipes. Windows has no names for descriptors and removes no open file; there it is a file in the temporary
 * folder of the person, which Windows closes to others, until curl ends.
 */
export function curlConfig(text: string): CurlConfig {
  const dir = mkdtempSync(join(tmpdir(), 'msh-curl-'))
  const file = join(dir, 'config')
  const remove = () => rmSync(dir, { recursive: true, force: true })
  try {
    writeFileSync(file, text, { mode: 0o600 })
    if (process.platform === 'win32')
      return { path: file, stdio: ['inherit', 'inherit', 'inherit'], started: () => {}, ended: remove }
    const handle = openSync(file, 'r')
    remove()
    return {
      path: '/dev/fd/3',
      stdio: ['inherit', 'inherit', 'inherit', handle],
      started: () => closeSync(handle),
      ended: () => {},
    }
  } catch (error) {
    remove()
    throw error
  }
}
