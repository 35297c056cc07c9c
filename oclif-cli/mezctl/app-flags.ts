import { parseLabels } from '@mezite/cli-shared'
import { Flags } from '@oclif/core'
import type { Resource } from './resource.ts'

/** What `apps register` and `apps update` set without a file. */
export const appFlags = {
  uri: Flags.string({ description: 'what the agent dials: http://, https:// or tcp://' }),
  'public-addr': Flags.string({ description: 'host name towards browsers; default NAME.<apps domain>' }),
  labels: Flags.string({ description: 'labels that roles match: k=v,k=v' }),
  protocol: Flags.option({ options: ['http', 'tcp'] as const, description: 'default: by the uri' })(),
  'http-version': Flags.option({
    options: ['1.1', 'h2', 'h2c', 'auto'] as const,
    description:
      'HTTP towards the app: 1.1 (default), h2 (TLS), h2c (without TLS) or auto; gRPC needs HTTP/2',
  })(),
}

export interface AppChange {
  readonly uri?: string | undefined
  readonly 'public-addr'?: string | undefined
  readonly labels?: string | undefined
  readonly protocol?: 'http' | 'tcp' | undefined
  readonly 'http-version'?: '1.1' | 'h2' | 'h2c' | 'auto' | undefined
  readonly 'agent-hostname'?: readonly string[] | undefined
}

/** The document `app` with what the flags say; everything else stays. */
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
