import { createHash } from 'node:crypto'
import type { Static, TSchema } from 'typebox'
import { checkConfig, printPath, type ValueProblem } from '../kernel/config-check.ts'
import { Type } from './config-types.ts'
import type { Problem } from './problem.ts'
import { problemFor } from './reasons.ts'

/** The `metadata` of every resource document. */
export interface ResourceMetadata {
  readonly name: string
  readonly description?: string
  readonly labels?: Readonly<Record<string, string>>
  /** RFC 3339. */
  readonly expires?: string
}

/** A resource document, as in the API and in files. */
export interface Resource<Spec> {
  readonly kind: string
  readonly version: 'v1'
  readonly metadata: ResourceMetadata
  readonly spec: Spec
}

/** Options of `parseResource`. */
export interface ResourceOptions {
  /** Pattern of the name. Default: the pattern of an app's name. */
  readonly namePattern?: string
  /** The name in the path of the request, which the document must repeat. */
  readonly name?: string
}

/** The pattern of one label of a DNS name in lower case (RFC 1123), which is also the name of an app. */
export const DNS_LABEL = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?'
const APP_NAME = `^${DNS_LABEL}$`
/** The pattern of the key of a label. */
export const LABEL_KEY = '^[A-Za-z0-9][A-Za-z0-9._/:-]{0,127}$'
const LABEL_VALUE = '^[^\\u0000-\\u001f\\u007f-\\u009f]{0,256}$'
const MAX_LABELS = 64
const MAX_SHOWN = 50

const envelope = (kind: string, spec: TSchema, namePattern: string) =>
  Type.Closed({
    kind: Type.OneOf([kind]),
    version: Type.OneOf(['v1']),
    metadata: Type.Closed({
      name: Type.String({
        pattern: namePattern,
        must: 'a name of small letters, digits and "-", at most 63',
      }),
      description: Type.Optional(Type.String({ maxLength: 1_024 })),
      labels: Type.Optional(Type.Map(Type.String())),
      expires: Type.Optional(Type.String({ maxLength: 64 })),
    }),
    spec,
  })

/**
 * Reads a resource document of one kind: checks envelope and `spec` together, and fills in defaults. Drops the member
 * `status`, which `get` shows. Throws `Problem` 400 `resource_invalid` that lists every fault with its path, also in
 * `problems`.
 */
export function parseResource<Spec extends TSchema>(
  kind: string,
  spec: Spec,
  body: unknown,
  options: ResourceOptions = {},
): Resource<Static<Spec>> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw resourceInvalid([{ path: [], message: 'must be an object with kind, version, metadata and spec' }])
  }
  const { status: _, ...input } = body as Record<string, unknown>
  const checked = checkConfig(envelope(kind, spec, options.namePattern ?? APP_NAME), input)
  const document = checked.value as Resource<Static<Spec>>
  const problems = checked.problems.length > 0 ? [...checked.problems] : metadataProblems(document.metadata)
  if (
    checked.problems.length === 0 &&
    options.name !== undefined &&
    document.metadata.name !== options.name
  ) {
    problems.push({ path: ['metadata', 'name'], message: 'is not the name in the path of the request' })
  }
  if (problems.length > 0) throw resourceInvalid(problems)
  return document
}

/** The error for a document, with all faults. It does not repeat values, which may be secret. */
export function resourceInvalid(problems: readonly ValueProblem[]): Problem {
  const lines = problems.slice(0, MAX_SHOWN).map(({ path, message }) => ({
    path: path.length === 0 ? 'the document' : printPath(path),
    message,
  }))
  const detail = lines.map(({ path, message }) => `${path}: ${message}`).join('; ')
  return problemFor('resource_invalid', detail, { problems: lines })
}

/** Milliseconds since the epoch of an RFC 3339 time with its zone, or null. */
export function parseTime(text: string): number | null {
  if (!/^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/.test(text)) return null
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? null : ms
}

function metadataProblems({ labels = {}, expires }: ResourceMetadata): ValueProblem[] {
  const problems: ValueProblem[] = []
  const keys = Object.keys(labels)
  if (keys.length > MAX_LABELS) {
    problems.push({ path: ['metadata', 'labels'], message: `must be at most ${MAX_LABELS} labels` })
  }
  for (const key of keys.slice(0, MAX_LABELS)) {
    const path = ['metadata', 'labels', key.slice(0, 128)]
    if (!new RegExp(LABEL_KEY).test(key)) {
      problems.push({ path, message: 'a label key is at most 128 letters, digits and . _ - / :' })
    } else if (!new RegExp(LABEL_VALUE, 'u').test(labels[key] ?? '')) {
      problems.push({ path, message: 'a label value is at most 256 characters without control characters' })
    }
  }
  if (expires !== undefined && parseTime(expires) === null) {
    problems.push({ path: ['metadata', 'expires'], message: 'must be a time such as 2030-01-31T12:00:00Z' })
  }
  return problems
}

/** The headers of a request that make a change depend on what is stored. */
export interface Preconditions {
  readonly 'if-match'?: string | undefined
  readonly 'if-none-match'?: string | undefined
}

/** Versions of documents, so that a change does not undo another one that its author has not seen. */
export const entityTags = {
  /** The `ETag` of a document (RFC 9110 section 8.8.3): the same for the same content. */
  of(document: unknown): string {
    return `"${createHash('sha256').update(JSON.stringify(document)).digest('base64url').slice(0, 22)}"`
  },

  /**
   * Checks `If-Match` and `If-None-Match` (RFC 9110 sections 13.1.1 and 13.1.2) against the stored document, undefined if
   * there is none. Call it in the transaction of the change. Throws `Problem` 412 `changed_meanwhile`.
   */
  check(headers: Preconditions, stored: unknown): void {
    const exists = stored !== undefined
    const tag = exists ? entityTags.of(stored) : ''
    const lists = (header: string) => header.split(',').some((one) => ['*', tag].includes(one.trim()))
    const { 'if-match': wanted, 'if-none-match': unwanted } = headers
    if (wanted !== undefined && !(exists && lists(wanted)))
      throw problemFor(
        'changed_meanwhile',
        'Somebody else has changed this meanwhile. Look at their change first.',
      )
    if (unwanted !== undefined && exists && lists(unwanted))
      throw problemFor('changed_meanwhile', 'Something with this name exists already.')
  },
}
