import * as Flags from '@oclif/core/flags'
import { AdminCommand } from './admin-command.ts'
import { CliError } from './cli-error.ts'
import { invalidDocuments, type ResourceDocument, readDocuments, resolveSecrets } from './documents.ts'
import { type HubClient, path } from './hub-client.ts'
import { strictFlag } from './name-checks.ts'
import { type Cut, cutText, type Resource, resourceOf } from './resource.ts'
import { withProgress } from './terminal.ts'
import { escapeText } from './text-escaping.ts'

export interface PutResult {
  readonly name: string
  readonly created: boolean
  readonly resource: Resource
  /** The connections that the change has ended; null if the hub does not report them. */
  readonly cut: Cut | null
}

/** Prints whether a document was created or replaced, and the connections that this ended. */
export function printPut(kind: string, result: PutResult): void {
  const text = result.created
    ? `Created ${kind} ${result.name}.`
    : `Replaced ${kind} ${result.name}.${cutText(result)}`
  process.stdout.write(`${escapeText(text)}\n`)
}

/** A command that creates or replaces the documents of a file. */
export abstract class PutCommand extends AdminCommand {
  /** Reads the file, checks the names in its documents, and sends each document to `collection`. */
  protected async put(
    flags: Parameters<AdminCommand['formatOf']>[0] & { 'data-dir'?: string | undefined; strict: boolean },
    file: string,
    options: {
      readonly kind: string
      readonly noun: string
      readonly collection: string
      readonly check: (client: HubClient, documents: readonly ResourceDocument[]) => Promise<string[]>
    },
  ): Promise<void> {
    const { kind, noun, collection, check } = options
    const client = this.hub(flags)
    const documents = await readDocuments(file, [kind])
    await this.checkNames(flags, check(client, documents))
    const inText = this.formatOf(flags) === 'text'
    const done = await putDocuments(client, collection, documents, (result) => {
      if (inText) printPut(noun, result)
    })
    if (!inText) await this.show(flags, done, () => '')
  }
}

/** The flags of a command that only takes a file. */
export const fileFlags = (kind: string) => ({
  'from-file': Flags.string({
    char: 'f',
    required: true,
    description: `YAML or JSON file with documents of kind ${kind}; - reads standard input`,
    helpValue: 'FILE',
  }),
  ...strictFlag,
})

/**
 * Creates or replaces each document below `collection` (`/roles`). All secrets are read before the first document is
 * sent. Documents that the hub rejects are reported together with file, line and path; the others are applied.
 */
export async function putDocuments(
  client: HubClient,
  collection: string,
  documents: readonly ResourceDocument[],
  onDone: (result: PutResult) => void,
): Promise<readonly PutResult[]> {
  const bodies = documents.map((document) => resolveSecrets(document))
  const done: PutResult[] = []
  const problems: string[] = []
  for (const [at, document] of documents.entries()) {
    try {
      const target = collection + path`/${document.name}`
      const response = await withProgress(
        `Sending ${document.kind} ${document.name}`,
        client.call('PUT', target, { body: bodies[at] }),
      )
      const { created, cut = null } = (response ?? {}) as { created?: unknown; cut?: Cut | null }
      const result = { name: document.name, created: created === true, resource: resourceOf(response), cut }
      done.push(result)
      onDone(result)
    } catch (error) {
      const rejected = error instanceof CliError && [400, 409, 413, 422].includes(error.status ?? 0)
      if (!rejected) throw error
      problems.push(...problemsOf(document, error))
    }
  }
  if (problems.length > 0) throw invalidDocuments(problems)
  return done
}

/** `file:line: path: problem` for each of the hub's `problems`, or for its response as a whole. */
function problemsOf(document: ResourceDocument, error: CliError): string[] {
  const list = error.members.problems ?? error.members.errors
  if (!Array.isArray(list) || list.length === 0) {
    const position = document.position('metadata.name')
    return [`${position}: ${document.kind} ${document.name}: ${error.message} (${error.code})`]
  }
  return list.map((problem: { path?: unknown; message?: unknown; detail?: unknown }) => {
    if (typeof problem === 'string') return `${document.position('')}: ${problem}`
    const at = String(problem.path ?? '')
      .replace(/^[/.]/, '')
      .replaceAll('/', '.')
    return `${document.position(at)}: ${at === '' ? '' : `${at}: `}${String(problem.message ?? problem.detail ?? '')}`
  })
}
