import type { HubState } from '@mezite/core/administration'

type PluginRow = Pick<ReturnType<HubState['plugins']>[number], 'name' | 'provides' | 'taps'>

/** A place on the way of a request at which plugins do something. */
export interface RequestStep {
  /** The hook that they tap, or the slot that they provide. */
  readonly step: string
  readonly runs: string
  /** Names of the plugins, in the order of their setup. */
  readonly plugins: readonly string[]
}

/** In the order in which a request reaches them. */
const PLACES: readonly (readonly [step: string, runs: string])[] = [
  ['credentials', 'for each request, on its cookies and on the header lines that an entry names'],
  ['verifiers', 'for each request without a valid session; with one, to apps with rules that stand above it'],
  ['access.decide', 'for each session and app; again after a change, or for each path that a policy reads'],
  ['http.request', 'for each request, before it is sent'],
  ['tunnel.route', 'for each request, when its agent is chosen'],
  ['http.response', 'for each response, before its head is sent'],
  ['audit.event', 'for each event, before it is recorded'],
  ['audit.recorded', 'for each event, after it was recorded'],
]

/** What plugins add to the way of a request. A place without a plugin is left out: it costs nothing. */
export const requestSteps = (plugins: readonly Partial<PluginRow>[]): readonly RequestStep[] =>
  PLACES.map(([step, runs]) => ({
    step,
    runs,
    plugins: plugins.flatMap(({ name, provides = [], taps = [] }) =>
      name !== undefined && (provides.includes(step) || taps.includes(step)) ? [name] : [],
    ),
  })).filter(({ plugins: those }) => those.length > 0)
