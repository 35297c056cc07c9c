import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Frees the memory used while loading and migrating: about 40 MB that V8 would keep in an idle hub. Takes about 50 ms.
 */
export function releaseStartupMemory(): void {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')({ type: 'major', flavor: 'last-resort' })
}
