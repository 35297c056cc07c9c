import {
  defineResource,
  LABEL_KEY,
  parseResource,
  type Resource,
  resourceInvalid,
  type Static,
  Type,
} from '@mezite/core'
import type { ProposedApp } from '@mezite/core/administration'
import type { SourceRow } from './migrations.ts'

const MOST = 100
const DEFAULT_APPS = 20

const Pattern = (what: string) =>
  Type.String({ pattern: '^[a-z0-9*]([a-z0-9._*-]{0,251}[a-z0-9*])?$', must: `${what}, or a pattern with *` })

/** `spec` of `kind: app_source`. */
const SourceSpec = Type.Closed({
  agents: Type.Array(Pattern('the host name of an agent'), {
    minItems: 1,
    maxItems: MOST,
    description: 'Agents that may propose apps; * stands for any characters',
    examples: [['k8s-*']],
  }),
  names: Type.Array(Pattern('the name of an app'), {
    minItems: 1,
    maxItems: MOST,
    description: 'Names that a proposed app may have; * stands for any characters',
    examples: [['shop-*']],
  }),
  labels: Type.Optional(
    Type.Map(Type.Array(Type.String({ maxLength: 256 }), { minItems: 1, maxItems: MOST }), {
      maxProperties: MOST,
      description: 'Labels that a proposed app may have, each with its values; * is any. Default: none',
      examples: [{ env: ['dev', 'test'] }],
    }),
  ),
  max_apps: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MOST,
      description: `Apps of one agent: proposed ones and those that it already serves under these names. Default: ${DEFAULT_APPS}`,
    }),
  ),
  accept: Type.Optional(
    Type.OneOf(['ask', 'always'], {
      description: 'ask: an administrator accepts each app. always: the hub does at once. Default: ask',
    }),
  ),
})

type SourceDocument = Resource<Static<typeof SourceSpec>>

/** A rule about what agents may propose. */
export interface Source {
  readonly name: string
  readonly document: SourceDocument
  readonly most: number
  /** Apps are accepted at once. */
  readonly always: boolean
  /** Whether the agent may propose an app with this name. */
  covers(agent: string, name: string): boolean
  /** Whether the agent may propose this app. */
  admits(agent: string, app: ProposedApp): boolean
}

/** Reads a document. Throws `Problem` 400 `resource_invalid` with all faults. */
function readSource(body: unknown, options: { readonly name?: string } = {}): SourceDocument {
  const document = parseResource('app_source', SourceSpec, body, options)
  const key = new RegExp(LABEL_KEY)
  const wrong = Object.keys(document.spec.labels ?? {}).filter((one) => !key.test(one))
  if (wrong.length > 0)
    throw resourceInvalid(
      wrong.map((one) => ({ path: ['spec', 'labels', one], message: 'is not the key of a label' })),
    )
  if (document.metadata.expires !== undefined)
    throw resourceInvalid([{ path: ['metadata', 'expires'], message: 'a source does not expire; remove it' }])
  return document
}

function compileSource(document: SourceDocument): Source {
  const { agents, names, labels = {}, max_apps: most = DEFAULT_APPS, accept = 'ask' } = document.spec
  const covers = (agent: string, name: string) =>
    agents.some((pattern) => matches(pattern, agent)) && names.some((pattern) => matches(pattern, name))
  return {
    name: document.metadata.name,
    document,
    most,
    always: accept === 'always',
    covers,
    admits: (agent, app) =>
      covers(agent, app.name) &&
      Object.entries(app.labels ?? {}).every(
        ([key, value]) =>
          Object.hasOwn(labels, key) && labels[key]!.some((one) => one === '*' || one === value),
      ),
  }
}

/** The declaration of the resource `app_source`. `changed` is called after each change, on every hub. */
export const sourceResource = (changed: () => void) =>
  defineResource<Source, SourceRow, SourceDocument>({
    name: 'app_source',
    noun: 'app source',
    collection: 'app-sources',
    table: 'app_proposals_sources',
    key: 'name',
    form: { spec: SourceSpec },
    example: {
      kind: 'app_source',
      version: 'v1',
      metadata: { name: 'shop', description: 'Test systems of the shop' },
      spec: { agents: ['shop-*'], names: ['shop-*'], labels: { env: ['test'] }, max_apps: 10, accept: 'ask' },
    },
    read: ({ name, document }) => compileSource(readSource(JSON.parse(document), { name })),
    unreadable: 'its agents propose nothing',
    show: ({ document }) => document,
    search: ({ name, document: { metadata, spec } }) => [name, metadata.description ?? '', ...spec.agents],
    sorts: { name: ({ name }) => name },
    audited: ({ name }) => ({ name, app_source: name }),
    swapped: changed,
    verbs: {
      list: { summary: 'All rules about what agents may propose' },
      get: {},
      put: {
        parse: readSource,
        row: (source, _old, updated) => ({
          name: source.metadata.name,
          document: JSON.stringify(source),
          updated,
        }),
        // Nobody decides about the labels of the apps, by which people get rights over them.
        async within({ row, by }) {
          const { accept, labels = {} } = readSource(JSON.parse(row.document)).spec
          if (accept === 'always' && Object.keys(labels).length > 0)
            by.mayGive?.({ rules: [{ kinds: ['app'], verbs: ['*'] }] })
          return {}
        },
      },
      remove: {},
    },
  })

/** Whether the pattern, in which `*` stands for any characters, matches all of the text. Takes time in proportion to both. */
export function matches(pattern: string, text: string): boolean {
  let at = 0
  let star = -1
  let resume = 0
  let next = 0
  while (at < text.length) {
    if (pattern[next] === '*') {
      star = next
      next += 1
      resume = at
    } else if (pattern[next] === text[at]) {
      next += 1
      at += 1
    } else if (star >= 0) {
      next = star + 1
      resume += 1
      at = resume
    } else return false
  }
  while (pattern[next] === '*') next += 1
  return next === pattern.length
}
