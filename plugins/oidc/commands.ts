import {
  AdminCommand,
  CliError,
  escapeText,
  type HubClient,
  listOf,
  nameOf,
  path,
  type Resource,
  type ResourceDocument,
  readDocuments,
  resolveSecrets,
  resourceCommands,
  showCell,
  unknownRoles,
  withProgress,
} from '@mezite/cli'
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'

const TEST_DEADLINE_MS = 60_000

/** A problem for each role that an OpenID Connect connector maps claims to although it does not exist. */
async function unknownMappedRoles(
  client: HubClient,
  connectors: readonly ResourceDocument[],
): Promise<string[]> {
  const roles = connectors.flatMap(({ value }) => {
    const { claims_to_roles } = value.spec as { claims_to_roles?: unknown }
    return listOf<{ roles?: unknown }>(claims_to_roles).flatMap((mapping) => listOf<unknown>(mapping?.roles))
  })
  return unknownRoles(client, [...new Set(roles.map(String))])
}

interface TestReport {
  readonly ok?: boolean
  readonly redirect_uri?: string
  readonly post_logout_redirect_uri?: string
  readonly backchannel_logout_uri?: string
  readonly sign_in_test_uri?: string
  readonly checks?: readonly {
    readonly name?: string
    readonly result?: 'ok' | 'warn' | 'fail'
    readonly detail?: string | null
  }[]
}

const RESULTS: Readonly<Record<string, string>> = { ok: 'ok', warn: 'WARNING', fail: 'FAILED' }

class SsoTest extends AdminCommand {
  static override summary = 'Check the connection between the hub and an identity provider'
  static override description =
    'Nobody is signed in. Exits 1 if a check fails. With --from-file, checks a connector before it is saved; its secret goes to its issuer only. Otherwise also prints the page where you sign in for a test and see the claims and the roles that they give.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> okta',
    '<%= config.bin %> <%= command.id %> --from-file sso.yaml',
  ]
  // Standard input is the document of `--from-file -`, never the name.
  static override args = { name: Args.string({ description: 'Name of the connector' }) }
  static override flags = {
    'from-file': Flags.string({
      char: 'f',
      description: 'YAML or JSON file with a connector that is not saved; - reads standard input',
      helpValue: 'FILE',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SsoTest)
    const file = flags['from-file']
    if ((args.name === undefined) === (file === undefined))
      throw new CliError('MEZ_USAGE_WRONG', 'give NAME or --from-file')
    if (args.name !== undefined)
      return this.#test(flags, args.name, path`/connectors/${args.name}/test`, undefined)
    const [document, ...others] = await readDocuments(file!, ['oidc'])
    if (document === undefined || others.length > 0)
      throw new CliError('MEZ_USAGE_WRONG', 'the file must contain one connector')
    await this.#test(flags, document.name, '/connectors/test', resolveSecrets(document))
  }

  async #test(
    flags: Parameters<AdminCommand['hub']>[0] & Parameters<AdminCommand['show']>[0],
    name: string,
    at: string,
    body: object | undefined,
  ): Promise<void> {
    const testing = this.hub(flags).call('POST', at, { body, deadlineMs: TEST_DEADLINE_MS })
    const report = ((await withProgress(`Testing ${escapeText(name)}`, testing)) ?? {}) as TestReport
    await this.show(flags, report, () => {
      const lines = (report.checks ?? []).map(({ name, result = 'fail', detail }) => {
        const word = (RESULTS[result] ?? 'FAILED').padEnd(9)
        return `${word}${showCell(name)}${detail ? `: ${escapeText(detail)}` : ''}`
      })
      for (const [what, uri] of [
        ['redirect URI', report.redirect_uri],
        ['post-logout redirect URI (optional)', report.post_logout_redirect_uri],
        ['back-channel logout URI (optional)', report.backchannel_logout_uri],
      ])
        if (uri) lines.push(`Register at the provider as ${what}: ${escapeText(uri)}`)
      if (report.sign_in_test_uri)
        lines.push(`See the claims and roles of a sign-in: ${escapeText(report.sign_in_test_uri)}`)
      if (report.ok !== false) lines.push(`Connector ${escapeText(name)} works.`)
      return lines.join('\n')
    })
    if (report.ok === false) {
      throw new CliError('connector_failed', `connector ${name} does not work`, {
        hint: 'Correct the failed checks above, then run mezctl sso create again.',
      })
    }
  }
}

/** The commands of `mezctl` by id. */
export const COMMANDS = {
  ...resourceCommands<Resource>({
    topic: 'sso',
    collection: '/connectors',
    noun: 'connector',
    example: 'okta',
    create: {
      summary: 'Create or replace OpenID Connect connectors from a file',
      description: 'Warns about claims that are mapped to roles that do not exist.',
      kind: 'oidc',
      check: unknownMappedRoles,
    },
    ls: {
      summary: 'List the connectors',
      empty: 'No connectors yet, so nobody can sign in. Create one: mezctl sso create --from-file sso.yaml',
      columns: [
        ['name', nameOf],
        ['issuer', (connector) => connector.spec?.issuer_url],
        ['client id', (connector) => connector.spec?.client_id],
      ],
    },
    get: 'Show a connector, without its secret',
    rm: {
      summary: 'Remove a connector, and end the sessions that it signed in',
      effect: 'Its sessions end now, and nobody can sign in through it.',
    },
  }),
  'sso:test': SsoTest,
}
