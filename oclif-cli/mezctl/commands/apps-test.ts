import {
  AdminCommand,
  type AdminFlags,
  CliError,
  nameOf,
  path,
  type Resource,
  readDocuments,
  resourceOf,
  showTable,
} from '@mezite/cli'
import * as Args from '@oclif/core/args'
import { type AppChange, agentFlag, appFlags, changedApp, fileFlag } from '../app-document.ts'

const TEST_DEADLINE_MS = 60_000

interface AgentResult {
  readonly hostname?: string
  readonly ok?: boolean
  readonly reason?: string | null
  readonly error?: string | null
  readonly ms?: number
}

export class AppsTest extends AdminCommand {
  static override summary = 'Check a document and connect to the app from its agents, without saving anything'
  static override description =
    'Tests a registered app, also with changes that are not saved yet; an app that is not registered yet; or the documents in a file. Exits 1 if an agent cannot reach the app.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> grafana --uri http://10.0.3.13:3000',
    '<%= config.bin %> <%= command.id %> --from-file apps.yaml',
  ]
  // Standard input is the document of `--from-file -`, never the name.
  static override args = { name: Args.string({ description: 'Name of the app' }) }
  static override flags = {
    ...appFlags,
    ...agentFlag,
    ...fileFlag,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AppsTest)
    const documents = await this.documents(args.name, flags)
    const found: { name: string; agents: readonly AgentResult[] }[] = []
    for (const document of documents) {
      const testing = this.call(flags, 'POST', '/apps/test', { body: document, deadlineMs: TEST_DEADLINE_MS })
      const { agents } = ((await testing) ?? {}) as { agents?: readonly AgentResult[] }
      found.push({ name: nameOf(document), agents: agents ?? [] })
    }
    await this.show(flags, found, () => {
      const rows = found.flatMap(({ name, agents }) =>
        agents.map(({ hostname, ok, reason, error, ms }) => [
          ...[name, hostname, ok ? 'reached' : 'not reached', ok ? `${ms} ms` : null],
          ok ? null : `${error ?? 'failed'} (${reason ?? 'no reason'})`,
        ]),
      )
      return showTable(['app', 'agent', 'result', 'time', 'problem'], rows)
    })
    const without = found.find(({ agents }) => agents.length === 0)
    if (without)
      throw new CliError('MEZ_USAGE_WRONG', `${without.name} has no agent to test from`, {
        hint: 'Name one with --agent-hostname HOST, or below spec.agents in the file.',
      })
    const failed = found.find(({ agents }) => agents.some(({ ok }) => ok !== true))
    if (failed)
      throw new CliError('app_unreachable', `an agent cannot reach ${failed.name}`, {
        hint: 'Check the URI, and that the app listens where the agent runs.',
      })
  }

  /** The documents to test: those of the file, or one made from the registered app and the flags. */
  private async documents(
    name: string | undefined,
    flags: AdminFlags & AppChange & { 'from-file'?: string | undefined },
  ): Promise<readonly Resource[]> {
    const file = flags['from-file']
    if ((file === undefined) === (name === undefined))
      throw new CliError('MEZ_USAGE_WRONG', 'give either NAME or --from-file')
    if (file !== undefined) return (await readDocuments(file, ['app'])).map(({ value }) => value)
    const target = path`/apps/${name!}`
    const registered = this.call(flags, 'GET', target).catch((error) => {
      if (error instanceof CliError && error.status === 404 && flags.uri !== undefined) return null
      throw error
    })
    const empty: Resource = { kind: 'app', version: 'v1', metadata: { name: name! }, spec: {} }
    return [changedApp(resourceOf((await registered) ?? empty), flags)]
  }
}
