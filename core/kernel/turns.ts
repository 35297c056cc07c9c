/** How long work on many things may keep the event loop from everything else, in milliseconds. */
const TURN_MS = 4

/**
 * The same things in the same order. Between them, everything else that waits gets a turn every 4 ms, so what the loop reads
 * may change meanwhile.
 */
export async function* inTurns<T>(things: Iterable<T>): AsyncGenerator<T, void, undefined> {
  let until = performance.now() + TURN_MS
  for (const thing of things) {
    if (performance.now() >= until) {
      await new Promise((resolve) => setImmediate(resolve))
      until = performance.now() + TURN_MS
    }
    yield thing
  }
}

/**
 * The result of `map` for each thing, made when it is asked for; otherwise as `inTurns`. A route can return it, so that a long list
 * is never in memory as a whole: the response is the list.
 */
export async function* mapInTurns<T, R>(
  things: Iterable<T>,
  map: (thing: T) => R,
): AsyncGenerator<R, void, undefined> {
  for await (const thing of inTurns(things)) yield map(thing)
}
