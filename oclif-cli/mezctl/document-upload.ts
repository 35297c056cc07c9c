import {
  CliError,
  type HubClient,
  invalidDocuments,
  path,
  type ResourceDocument,
  resolveSecrets,
  withProgress,
} from '@mezite/cli-shared'
import type { Cut } from './cut-summary.ts'
import { type Resource, resourceOf } from './resource.ts'

export interface PutResult {
  readonly name: string
  readonly created: boolean
  readonly resource: Resource
  /** What the change has ended; null when the hub does not say. */
  readonly cut: Cut | null
}

/**
 * Creates or replaces each document below `collection` (`/roles`). Secrets of all are read before the first is sent.
 * Documents that the hub refuses are all reported with file, line and path; the others are applied.
 */
export async function putDocuments(
  client: HubClient,
  collection: '/apps' | '/roles' | '/connectors',
  documents: readonly ResourceDocument[],
  onDone: (result: PutResult) => void,
): Promise<readonly PutResult[]> {
  const bodies = documents.map((document) => resolveSecrets(document))
  const done: PutResult[] = []
  const problems: string[] = []
  for (const [at, document] of documents.entries()) {
    try {
      const target = collection + path`/${document.name}`
      const answer = await withProgress(
        `Sending ${document.kind} ${document.name}`,
        client.call('PUT', target, { body: bodies[at] }),
      )
      const { created, cut = null } = (answer ?? {}) as { created?: unknown; cut?: Cut | null }
      const result = { name: document.name, created: created === true, resource: resourceOf(answer), cut }
      done.push(result)
      onDone(result)
    } catch (error) {
      if (
        !(error instanceof CliError) ||
        error.status === null ||
        ![400, 409, 413, 422].includes(error.status)
      )
        throw error
      problems.push(...placed(document, error))
    }
  }
  if (problems.length > 0) throw invalidDocuments(problems)
  return done
}

/** `file:line: path: problem` for each of the hub's `problems`, or for its whole answer. */
function placed(document: ResourceDocument, error: CliError): string[] {
  const list = error.members.problems ?? error.members.errors
  if (!Array.isArray(list) || list.length === 0) {
    return [
      `${document.place('metadata.name')}: ${document.kind} ${document.name}: ${error.message} (${error.code})`,
    ]
  }
  return list.map((problem: { path?: unknown; message?: unknown; detail?: unknown }) => {
    if (typeof problem === 'string') return `${document.place('')}: ${problem}`
    const at = String(problem.path ?? '')
      .replace(/^[/.]/, '')
      .replaceAll('/', '.')
    return `${document.place(at)}: ${at === '' ? '' : `${at}: `}${String(problem.message ?? problem.detail ?? '')}`
  })
}
