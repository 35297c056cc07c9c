import { CliError, listOf, type Resource, type ResourceDocument } from '@mezite/cli'
import * as Flags from '@oclif/core/flags'

/** The parts of an app that `apps register` and `apps update` can set without a file. */
export const appFlags = {
  uri: Flags.string({
    description: 'Where the agent connects: http://, https:// or tcp://HOST:PORT',
    helpValue: 'URI',
  }),
  'public-addr': Flags.string({
    description: 'Public host name; default: NAME.<apps_domain>',
    helpValue: 'HOST',
  }),
  labels: Flags.string({ description: 'Labels for roles to match: k=v,k=v', helpValue: 'LABELS' }),
  protocol: Flags.option({ options: ['http', 'tcp'] as const, description: 'Default: from the URI' })(),
  'http-version': Flags.option({
    options: ['1.1', 'h2', 'h2c', 'auto'] as const,
    description:
      'HTTP to the app: 1.1 (default), h2 (over TLS), h2c (without TLS) or auto; gRPC needs HTTP/2',
  })(),
}

export const agentFlag = {
  'agent-hostname': Flags.string({
    multiple: true,
    description: 'Agent that serves the app; repeat the flag for several',
    helpValue: 'HOST',
  }),
}

export const fileFlag = {
  'from-file': Flags.string({
    char: 'f',
    description: 'YAML or JSON file with documents of kind app; - reads standard input',
    helpValue: 'FILE',
  }),
}

export interface AppChange {
  readonly uri?: string | undefined
  readonly 'public-addr'?: string | undefined
  readonly labels?: string | undefined
  readonly protocol?: 'http' | 'tcp' | undefined
  readonly 'http-version'?: '1.1' | 'h2' | 'h2c' | 'auto' | undefined
  readonly 'agent-hostname'?: readonly string[] | undefined
}

/** The document of `app` with the values of the flags; everything else stays. */
export function changedApp(app: Resource, change: AppChange): Record<string, unknown> {
  const { status: _status, ...document } = app
  const agents = change['agent-hostname']
  return {
    ...document,
    metadata: {
      ...document.metadata,
      ...(change.labels === undefined ? {} : { labels: parseLabels(change.labels) }),
    },
    spec: {
      ...document.spec,
      ...(change.uri === undefined ? {} : { uri: change.uri }),
      ...(change['public-addr'] === undefined ? {} : { public_addr: change['public-addr'] }),
      ...(change.protocol === undefined ? {} : { protocol: change.protocol }),
      ...(change['http-version'] === undefined ? {} : { http: { version: change['http-version'] } }),
      ...(agents === undefined || agents.length === 0 ? {} : { agents: [...new Set(agents)] }),
    },
  }
}

/** `k=v,k=v` as an object without a prototype. Throws `MEZ_USAGE_WRONG` for a missing `=` and an empty or repeated key. */
function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = Object.create(null)
  for (const pair of text.split(',').map((part) => part.trim())) {
    if (pair === '') continue
    const at = pair.indexOf('=')
    const key = pair.slice(0, at).trim()
    if (at < 1 || key === '') {
      throw new CliError('MEZ_USAGE_WRONG', `--labels: ${JSON.stringify(pair)} is not KEY=VALUE`)
    }
    if (key in labels) throw new CliError('MEZ_USAGE_WRONG', `--labels: duplicate key ${JSON.stringify(key)}`)
    labels[key] = pair.slice(at + 1).trim()
  }
  return labels
}

/** The host names of all agents in the documents. */
export function agentsIn(documents: readonly ResourceDocument[]): string[] {
  const agents = documents.flatMap(({ value }) =>
    listOf<unknown>((value.spec as { agents?: unknown }).agents).map(String),
  )
  return [...new Set(agents)]
}

/** The state of an app for people: `ready`, `unreachable (REASON)`, `no agent`, `disabled` or `expired`, and whether strangers may enter. */
export function appState({ metadata, spec, status }: Resource): string {
  if (Date.parse(String(metadata?.expires)) <= Date.now()) return 'expired'
  const { state, reason } = status ?? {}
  if (typeof state !== 'string') return '-'
  if (status?.locked === true) return 'locked'
  const text = `${state.replaceAll('_', ' ')}${isForAnyone(spec) ? ', PATHS FOR ANYONE' : ''}`
  return typeof reason === 'string' && reason !== '' ? `${text} (${reason})` : text
}

/** Whether the document of the app opens paths to everybody (plugin public-paths). */
function isForAnyone(spec: Resource['spec']): boolean {
  const { 'public-paths': slice } = (spec?.plugins ?? {}) as { 'public-paths'?: { rules?: unknown } }
  return listOf<{ verify?: unknown }>(slice?.rules).some(({ verify }) => verify === 'anyone')
}
