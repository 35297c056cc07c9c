import { readFileSync } from 'node:fs'
import { dirname, resolve as resolvePath } from 'node:path'
import type { Document, LineCounter, Node } from 'yaml'
import { CliError } from './cli-error.ts'

const LARGEST_BYTES = 4 * 1024 * 1024
const STDIN = 'standard input'
const SECRETS = ['client_secret', 'private_key']

/** A resource document, and the position of each of its parts. */
export interface ResourceDocument {
  readonly file: string
  readonly kind: string
  readonly name: string
  readonly value: Record<string, unknown>
  /** `file:line` of a path such as `spec.allow`, or of its nearest parent that exists. */
  position(path: string): string
}

/**
 * The YAML or JSON documents in a file, or on standard input for `-`. Throws one `MEZ_DOCUMENT_INVALID` with all problems
 * of all documents, each with file, line and path.
 */
export async function readDocuments(file: string, kinds: readonly string[]): Promise<ResourceDocument[]> {
  const name = file === '-' ? STDIN : file
  const text = readText(file, name)
  const { LineCounter, parseAllDocuments } = await import('yaml')
  const lines = new LineCounter()
  const parsed = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false })
  const problems: string[] = []
  const found: ResourceDocument[] = []
  for (const document of 'empty' in parsed ? [] : parsed) {
    if (document.errors.length > 0) {
      for (const error of document.errors)
        problems.push(`${name}:${lines.linePos(error.pos[0]).line}: ${error.message}`)
    } else if (document.contents !== null) {
      const read = readOne(document, name, lines, kinds)
      if (Array.isArray(read)) problems.push(...read)
      else found.push(read)
    }
  }
  if (problems.length === 0 && found.length === 0) problems.push(`${name}: contains no document`)
  if (problems.length > 0) throw invalidDocuments(problems)
  return found
}

/** One error for a list of `file:line: path: problem`. */
export function invalidDocuments(problems: readonly string[]): CliError {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  const lines = problems.map((line) => `  ${line}`)
  return new CliError('MEZ_DOCUMENT_INVALID', [`${count} in the documents`, ...lines].join('\n'))
}

function readText(file: string, name: string): string {
  try {
    const bytes = readFileSync(file === '-' ? 0 : file)
    if (bytes.length > LARGEST_BYTES) throw new Error('it is larger than 4 MiB')
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new CliError('MEZ_FILE_UNREADABLE', `cannot read ${name}: ${(cause as Error).message}`, { cause })
  }
}

function readOne(
  document: Document,
  file: string,
  lines: LineCounter,
  kinds: readonly string[],
): ResourceDocument | string[] {
  const position = (path: string) => `${file}:${lineOf(document, path, lines)}`
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    return [`${position('')}: ${(error as Error).message}`]
  }
  try {
    JSON.stringify(value)
  } catch {
    return [`${position('')}: an alias (*) refers to an anchor (&) that contains it`]
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [`${position('')}: a document must be a mapping with kind, version, metadata and spec`]
  }
  const fields = value as Record<string, unknown>
  const metadata = fields.metadata as Record<string, unknown> | null | undefined
  const problems: string[] = []
  const expect = (holds: boolean, path: string, text: string) => {
    if (!holds) problems.push(`${position(path)}: ${path}: ${text}`)
  }
  expect(kinds.includes(fields.kind as string), 'kind', `must be ${kinds.join(' or ')}`)
  expect(fields.version === 'v1', 'version', 'must be v1')
  const named = typeof metadata?.name === 'string' && metadata.name !== ''
  expect(named, 'metadata.name', 'must be the name of the resource')
  const mapping = typeof fields.spec === 'object' && fields.spec !== null && !Array.isArray(fields.spec)
  expect(mapping, 'spec', 'must be a mapping')
  for (const key of Object.keys(fields)) {
    expect(['kind', 'version', 'metadata', 'spec', 'status'].includes(key), key, 'unknown key')
  }
  if (problems.length > 0) return problems
  const { status: _status, ...sent } = fields
  return { file, kind: fields.kind as string, name: metadata!.name as string, value: sent, position }
}

function lineOf(document: Document, path: string, lines: LineCounter): number {
  const steps = path.split(/[./[\]]+/).filter((step) => step !== '')
  for (let length = steps.length; length >= 0; length--) {
    const keys = steps.slice(0, length).map((step) => (/^\d+$/.test(step) ? Number(step) : step))
    const node = (length === 0 ? document.contents : document.getIn(keys, true)) as Node | null | undefined
    if (node?.range) return lines.linePos(node.range[0]).line
  }
  return 1
}

/**
 * The document with its `{file: PATH}` and `{env: NAME}` secrets read on this machine and replaced by `{value}`. A
 * relative PATH starts at the folder of the document; one trailing line break is not part of the secret.
 */
export function resolveSecrets(document: ResourceDocument): Record<string, unknown> {
  const { spec } = document.value
  const resolve = (value: unknown, path: string): unknown => {
    const source = Object(value) as { file?: unknown; env?: unknown }
    const position = `${document.position(path)}: ${path}`
    if (typeof source.file === 'string') return { value: readSecret(source.file, document.file, position) }
    if (typeof source.env === 'string') return { value: secretFromEnvironment(source.env, position) }
    return value
  }
  const resolved = (values: unknown, path: string, only?: readonly string[]): unknown =>
    isMapping(values)
      ? Object.fromEntries(
          Object.entries(values).map(([key, value]) => [
            key,
            only?.includes(key) === false ? value : resolve(value, `${path}.${key}`),
          ]),
        )
      : values
  if (!isMapping(spec)) return document.value
  if (document.kind === 'oidc') return { ...document.value, spec: resolved(spec, 'spec', SECRETS) }
  const { headers } = spec
  if (document.kind !== 'app' || !isMapping(headers) || !isMapping(headers.request)) return document.value
  const { request } = headers
  const set = resolved(request.set, 'spec.headers.request.set')
  return { ...document.value, spec: { ...spec, headers: { ...headers, request: { ...request, set } } } }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readSecret(path: string, file: string, position: string): string {
  const found = resolvePath(file === STDIN ? '.' : dirname(file), path)
  let text: string
  try {
    text = readFileSync(found, 'utf8').replace(/\r?\n$/, '')
  } catch (cause) {
    const message = `${position}: cannot read the secret file ${found}: ${(cause as Error).message}`
    throw new CliError('MEZ_SECRET_MISSING', message, { cause })
  }
  if (text === '') throw new CliError('MEZ_SECRET_MISSING', `${position}: the secret file ${found} is empty`)
  return text
}

function secretFromEnvironment(name: string, position: string): string {
  const value = process.env[name]
  if (!value)
    throw new CliError('MEZ_SECRET_MISSING', `${position}: the environment variable ${name} is not set`)
  return value
}
