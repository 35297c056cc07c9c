import type { AppSource, ProposedApp } from '../api/app-sources.ts'
import { MOST_PROPOSED, readProposedApp } from '../api/proposed-apps.ts'
import { type ConformTest, inTime, testsWith } from './conformance-test.ts'
import { watchEffects } from './side-effects.ts'

/** A source of apps, and the world that it watches. */
export interface AppSourceUnderTest {
  readonly source: AppSource
  /** Names of the apps that it proposes at first, at least one. */
  readonly expected: readonly string[]
  /** Changes the world so that it proposes other apps; resolves with their names. */
  change(): Promise<readonly string[]>
  close(): Promise<void>
}

const POLL_MS = 10
const DEADLINE_MS = 30_000
/** Long enough for a watcher that has not been closed to report something. */
const LATE_MS = 200

/**
 * Checks that a source proposes all its apps, in a form that a hub reads; that it proposes again after a change; and that it
 * ends with its signal. `open` creates a new source in a world of its own; each proposal has `waitMs` (default: 30 s).
 */
export function conformAppSource(
  t: ConformTest,
  open: () => Promise<AppSourceUnderTest>,
  { waitMs = DEADLINE_MS }: { readonly waitMs?: number } = {},
): void {
  const opened = testsWith(t, open)
  const test = (
    name: string,
    run: (t: ConformTest, under: AppSourceUnderTest, watch: ReturnType<typeof watching>) => Promise<void>,
  ) =>
    opened(name, (t, under) => {
      const watch = watching(under.source, waitMs)
      return run(t, under, watch).finally(watch.stop)
    })

  test('it proposes all its apps, in a form that a hub reads', async (t, { source, expected }, watch) => {
    t.ok(/^[a-z0-9][a-z0-9-]{0,62}$/.test(source.name), `the name '${source.name}'`)
    t.ok(expected.length > 0, 'the test names an app')
    await watch.until(expected)
    const apps = watch.calls.at(-1)!
    t.ok(apps.length <= MOST_PROPOSED, `at most ${MOST_PROPOSED} apps count: ${apps.length}`)
    t.ok(new Set(namesOf(apps)).size === apps.length, 'each has a name of its own')
    for (const app of apps) t.ok(readProposedApp(app) !== null, `a hub reads ${JSON.stringify(app)}`)
  })

  test('it proposes again after a change, and each call names all apps', async (t, {
    expected,
    change,
  }, watch) => {
    await watch.until(expected)
    const changed = await change()
    t.ok(changed.join() !== expected.join(), 'the change changes something')
    await watch.until(changed)
    t.ok(true, 'the new apps are proposed')
  })

  test('it ends with its signal, and proposes nothing afterwards', async (t, {
    source,
    expected,
    change,
  }) => {
    const effects = await watchEffects(async () => {
      const watch = watching(source, waitMs)
      await watch.until(expected)
      watch.stop()
      await inTime(watch.ended, 'the end of watch')
      const before = watch.calls.length
      await change()
      await new Promise((resolve) => setTimeout(resolve, LATE_MS))
      return watch.calls.length - before
    })
    const left = await effects.left()
    effects.end()
    t.ok(effects.result === 0, `calls after the signal: ${effects.result}`)
    t.ok(left.length === 0, `left open: ${left.join(', ') || 'nothing'}`)
  })

  test('a second watcher gets the apps too', async (t, { source, expected }, watch) => {
    await watch.until(expected)
    const second = watching(source, waitMs)
    await second.until(expected).finally(second.stop)
    t.ok(true, 'as the first one')
  })
}

const namesOf = (apps: readonly ProposedApp[]) => apps.map(({ name }) => name)

/** Watches a source from now on. */
function watching(source: AppSource, waitMs: number) {
  const stopped = new AbortController()
  const calls: (readonly ProposedApp[])[] = []
  let failure: unknown
  const ended = (async () => source.watch((apps) => void calls.push([...apps]), stopped.signal))().catch(
    (error: unknown) => {
      failure = error
    },
  )
  return {
    calls,
    ended,
    stop: () => stopped.abort(),
    /** Resolves once the last call has exactly these names. */
    async until(names: readonly string[]): Promise<void> {
      const wanted = [...names].sort().join()
      for (const end = performance.now() + waitMs; ; ) {
        if (failure !== undefined) throw failure
        const last = namesOf(calls.at(-1) ?? []).sort()
        if (calls.length > 0 && last.join() === wanted) return
        if (performance.now() > end)
          throw new Error(`proposed ${last.join() || 'nothing'} within ${waitMs} ms, not ${wanted}`)
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      }
    },
  }
}
