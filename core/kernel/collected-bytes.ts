import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Counts bytes of buffers, which lie outside of V8's heap, and collects garbage for each `most` of them. V8 would do so once objects
 * fill its heap, which bytes that only pass hardly do, and free those buffers a hundred megabytes later. `minor`: of new ones.
 */
export function collectForEach(most: number, type: 'minor' | 'major'): (bytes: number) => void {
  let passed = 0
  let collect: ((how: object) => void) | undefined
  return (bytes) => {
    passed += bytes
    if (passed < most) return
    passed = 0
    if (collect === undefined) {
      setFlagsFromString('--expose-gc')
      collect = runInNewContext('gc') as (how: object) => void
    }
    collect({ type })
  }
}
