import { apiRoutes, type Catalog, type Log, messageOf, Type, type WebRoutes } from '@mezite/core'
import type { Attention, HubState } from '@mezite/core/administration'
import { requestSteps } from './request-steps.ts'

type PluginRow = ReturnType<HubState['plugins']>[number]

export interface StatusOptions {
  /** Each adds one key to the response: `cluster`, `version`, `hubs`, `agents`, `apps`, `sessions`. */
  readonly parts: Readonly<Record<string, () => unknown>>
  /** The plugin table of `mezctl status --plugins`. */
  readonly plugins: () => readonly Partial<PluginRow>[]
  /** The hub's own parts, in the same response. Default: none. */
  readonly hubParts?: () => ReturnType<HubState['parts']>
  /** What other processes on the same port report: each some of the parts. Default: nothing. */
  readonly others?: () => Promise<readonly unknown[]>
  readonly log: Log
}

type Parts = Readonly<Record<string, unknown>>

/** How the parts of several processes on one port become one. The other parts are the same in each. */
const COMBINED: Readonly<Record<string, (values: readonly never[]) => unknown>> = {
  agents: (counts) => Math.max(...counts),
  attention: (lists: readonly Attention[][]) => [
    // Each process has seen an agent at its own time.
    ...new Map(
      lists.flat().map((one) => [one.kind === 'agent' ? `agent ${one.subject}` : JSON.stringify(one), one]),
    ).values(),
  ],
  audit: (lists: readonly HubState['sinks'][]) =>
    lists[0]?.map((sink, at) => {
      const all = lists.map((list) => list[at] ?? sink)
      const sum = (of: (one: typeof sink) => number) => all.reduce((total, one) => total + of(one), 0)
      return {
        name: sink.name,
        queued: sum(({ queued }) => queued),
        dropped: sum(({ dropped }) => dropped),
        failures: sum(({ failures }) => failures),
      }
    }),
  database: (views: readonly { readonly view_age_ms: number }[]) =>
    views.toSorted((a, b) => b.view_age_ms - a.view_age_ms)[0],
}

/** The parts that a process contributes to the status of another. */
export async function combinedParts(parts: StatusOptions['parts']): Promise<Parts> {
  const names = Object.keys(COMBINED)
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await parts[name]?.()])))
}

function combine(own: Parts, others: readonly Parts[]): Parts {
  if (others.length === 0) return own
  const combined = Object.entries(COMBINED).map(([name, together]) => {
    const values = [own, ...others].map((parts) => parts[name]).filter((value) => value != null)
    return [name, values.length === 0 ? null : together(values as never[])]
  })
  return { ...own, ...Object.fromEntries(combined) }
}

const Status = Type.Object({
  cluster: Type.Nullable(Type.String()),
  version: Type.Nullable(Type.String()),
  hubs: Type.Nullable(
    Type.Array(Type.Object({ id: Type.String(), version: Type.String(), since: Type.String() })),
  ),
  agents: Type.Nullable(Type.Integer()),
  apps: Type.Nullable(Type.Integer()),
  sessions: Type.Nullable(Type.Integer()),
  attention: Type.Nullable(
    Type.Array(Type.Object({ kind: Type.String(), subject: Type.String(), message: Type.String() })),
  ),
  certificates: Type.Nullable(Type.Array(Type.Object({ subject: Type.String(), expires: Type.String() }))),
  database: Type.Nullable(Type.Object({ driver: Type.String(), view_age_ms: Type.Number() })),
  audit: Type.Nullable(
    Type.Array(
      Type.Object({
        name: Type.String(),
        queued: Type.Integer(),
        dropped: Type.Integer(),
        failures: Type.Integer(),
      }),
    ),
  ),
  jobs: Type.Nullable(
    Type.Array(
      Type.Object({
        name: Type.String(),
        state: Type.String({ description: 'running, waiting, or failing: the last run failed' }),
        hub: Type.Nullable(Type.String({ description: 'The hub that runs it, or ran it last' })),
        last_run: Type.Nullable(Type.String()),
        result: Type.Nullable(Type.String()),
        failures: Type.Integer({ description: 'Runs that failed since the last one that succeeded' }),
        next_run: Type.Nullable(Type.String()),
      }),
    ),
  ),
  plugins: Type.Optional(
    Type.Array(
      Type.Object({
        name: Type.String(),
        version: Type.Nullable(Type.String()),
        summary: Type.String(),
        provides: Type.Array(Type.String()),
        taps: Type.Array(Type.String()),
        source: Type.Nullable(Type.String({ description: 'The file that the hub has loaded' })),
        rights: Type.Array(Type.String({ description: 'grants access, writes the database or sees bodies' })),
        status: Type.Nullable(
          Type.String({
            description: 'stable, beta or experimental, as its package declares; null: not declared',
          }),
        ),
        reads_strangers: Type.Nullable(
          Type.Boolean({
            description: 'It reads bytes of callers that nobody has identified, as it declares',
          }),
        ),
        fuzzed: Type.Nullable(Type.Boolean({ description: 'A fuzz sends it such bytes, as it declares' })),
        start_ms: Type.Nullable(Type.Number()),
      }),
    ),
  ),
  parts: Type.Optional(
    Type.Array(
      Type.Object(
        {
          name: Type.String(),
          needs: Type.Array(Type.String()),
          after: Type.Record(Type.String(), Type.String(), {
            description: 'Parts that start before it for another reason, with that reason',
          }),
          start_ms: Type.Nullable(Type.Number()),
        },
        { description: 'A part of the hub itself, in the order of their start' },
      ),
    ),
  ),
  steps: Type.Optional(
    Type.Array(
      Type.Object(
        {
          step: Type.String({ description: 'The hook that the plugins tap, or what they provide' }),
          runs: Type.String(),
          plugins: Type.Array(Type.String()),
        },
        { description: 'What plugins do on the way of a request, in its order' },
      ),
    ),
  ),
})

/** GET /v1/webapi/status. A part that fails is null; the others are still returned. */
export function statusRoutes({
  parts,
  plugins,
  hubParts = () => [],
  others = async () => [],
  log,
}: StatusOptions): WebRoutes {
  const ask = async (name: string, part: () => unknown): Promise<[string, unknown]> => {
    try {
      return [name, (await part()) ?? null]
    } catch (error) {
      log.warn({ part: name, error: messageOf(error) }, 'failed to read a part of the status')
      return [name, null]
    }
  }
  return apiRoutes('status', (on) => {
    const querystring = Type.Object({ plugins: Type.Optional(Type.String()) })
    const summary = 'The status of this cluster'
    const route = { access: 'status.read', summary, querystring, returns: Status } as const
    on('GET', route, async (_, { query: { plugins: listed } }) => {
      const wanted = { ...parts }
      if (listed === '1' || listed === 'true') {
        wanted.plugins = () =>
          plugins().map(({ declared, ...row }) => ({
            ...shown(row),
            status: declared?.status ?? null,
            reads_strangers: declared?.readsStrangers ?? null,
            fuzzed: declared?.fuzzed ?? null,
          }))
        wanted.parts = () => hubParts().map(shown)
        wanted.steps = () => requestSteps(plugins())
      }
      const [own, theirs] = await Promise.all([
        Promise.all(Object.entries(wanted).map(([name, part]) => ask(name, part))),
        others(),
      ])
      return combine(Object.fromEntries(own), theirs as readonly Parts[])
    })
  })
}

const shown = ({ startMs, ...row }: Partial<Pick<PluginRow, 'startMs'>>) => ({
  ...row,
  start_ms: startMs ?? null,
})

/** The parts of the cluster's status for `mezctl status`. */
export function statusParts(options: {
  readonly clusterName: string
  readonly catalog: Pick<Catalog, 'list'>
  readonly attention: { list(): readonly Attention[] }
  readonly hubState: HubState
}): StatusOptions['parts'] {
  const { clusterName, catalog, attention, hubState } = options
  return {
    cluster: () => clusterName,
    version: () => hubState.version,
    hubs: async () =>
      (await hubState.hubs()).map(({ id, version, since }) => ({ id, version, since: since.toISOString() })),
    agents: () => hubState.links().length,
    apps: () => catalog.list().length,
    sessions: () => Object.values(hubState.sessionsByKind()).reduce((sum, count) => sum + count, 0),
    attention: attention.list,
    certificates: () =>
      [...hubState.certificates(), ...hubState.authorities()].flatMap(({ subject, expires }) =>
        expires === null ? [] : [{ subject, expires: new Date(expires).toISOString() }],
      ),
    database: () => ({
      driver: hubState.alone ? 'embedded' : 'postgres',
      view_age_ms: Math.round(Math.min(hubState.viewAgeMs, 1e9)),
    }),
    audit: () => hubState.sinks,
    jobs: async () =>
      (await hubState.readJobs()).map(({ name, running, hub, finished, result, failures, next }) => ({
        name,
        state: running ? 'running' : failures > 0 ? 'failing' : 'waiting',
        hub,
        result,
        failures,
        last_run: finished?.toISOString() ?? null,
        next_run: next?.toISOString() ?? null,
      })),
  }
}
