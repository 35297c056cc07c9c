import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { runMezctl } from '../../oclif-cli/run-program.ts'
import { until } from '../../until.ts'
import { percentile } from '../limits/percentile.ts'
import type { Outcome, SoakFigure, SoakRun } from '../line.ts'
import { startOneHub, unlimited } from '../start-one-hub.ts'

const APPS = 5_000
const FIRST = 'http://127.0.0.1:9'
const SECOND = 'http://127.0.0.1:10'
const ALONE_MS = 20_000
/** A person waits for a sign-in at most this long, whatever administrators do. */
const MOST_MS = 3_000

interface SignIns {
  readonly took: number[]
  failed: number
}

export const manyChanges = {
  name: 'many-changes',
  summary: `sign-ins and first visits at two hubs while mezctl registers ${APPS.toLocaleString('en-US')} apps from a file, and then replaces them`,
  async run(run: SoakRun): Promise<Outcome> {
    const { dir, options, signal } = run
    const one = await startOneHub(run, {}, { env: unlimited })
    const { hub, site } = one
    const other = await site.startHub('hub-b')
    site.balanceTo(hub, other)
    const uriAt = async (at: typeof hub) =>
      (await at.api<{ spec: { uri: string } }>('GET', `/apps/app-${APPS - 1}`)).spec.uri
    let names = 0
    /** People who are new sign in one after the other, and visit an app for the first time. */
    const signInUntil = async (isOver: () => boolean): Promise<SignIns> => {
      const done: SignIns = { took: [], failed: 0 }
      while (!isOver()) {
        signal.throwIfAborted()
        const began = performance.now()
        await one.signIn(`person-${names++}`).then(
          () => done.took.push(performance.now() - began),
          () => {
            done.failed += 1
          },
        )
      }
      return done
    }
    /** Sends the file to the first hub, while people sign in. */
    const beside = async (uri: string) => {
      const file = join(dir, 'apps.yaml')
      writeFileSync(file, documents(uri))
      const began = performance.now()
      let seconds = Number.NaN
      const sent = runMezctl(['apps', 'register', '--from-file', file], {
        MEZITE_DATA_DIR: join(site.dir, hub.name),
      }).finally(() => {
        seconds = (performance.now() - began) / 1_000
      })
      const signIns = await signInUntil(() => !Number.isNaN(seconds))
      const { code, err } = await sent
      if (code !== 0) throw new Error(`mezctl ended with ${code}: ${err}`)
      return { signIns, perSecond: APPS / seconds }
    }

    const over = performance.now() + ALONE_MS
    const alone = await signInUntil(() => performance.now() > over)
    options.progress(`  ${alone.took.length} sign-ins alone; ${APPS} apps are registered`)
    const created = await beside(FIRST)
    options.progress(`  ${created.signIns.took.length} sign-ins meanwhile; ${APPS} apps are replaced`)
    const replaced = await beside(SECOND)
    for (const at of [hub, other])
      await until(async () => (await uriAt(at)) === SECOND, `${at.name} knows the last app`, 60_000)

    const figure = (what: string, value: number, unit: string, limit: SoakFigure['limit'] = null) =>
      ({ what, value, unit, limit }) satisfies SoakFigure
    const shown = (when: string, { took, failed }: SignIns): SoakFigure[] => [
      figure(`${when}: sign-ins`, took.length, ''),
      figure(`${when}: sign-ins that failed`, failed, '', { kind: 'most', value: 0 }),
      figure(`${when}: a sign-in, p50`, percentile(took, 0.5), 'ms'),
      figure(`${when}: a sign-in, longest`, Math.max(...took), 'ms', { kind: 'most', value: MOST_MS }),
    ]
    return {
      growths: [],
      figures: [
        ...shown('alone', alone),
        figure('apps registered', created.perSecond, 'a second'),
        ...shown('meanwhile', created.signIns),
        figure('apps replaced', replaced.perSecond, 'a second'),
        ...shown('meanwhile', replaced.signIns),
      ],
    }
  },
}

const documents = (uri: string): string =>
  Array.from({ length: APPS }, (_, at) =>
    stringify({
      kind: 'app',
      version: 'v1',
      metadata: { name: `app-${at}`, labels: { env: 'test' } },
      spec: { uri, agents: ['node-1'] },
    }),
  ).join('---\n')
