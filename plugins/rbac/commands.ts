import {
  AdminCommand,
  CliError,
  count,
  didYouMean,
  escapeText,
  fileFlags,
  formatTime,
  type HubClient,
  listOrNull,
  nameOf,
  PutCommand,
  path,
  type Resource,
  type ResourceDocument,
  readDocuments,
  resourceCommands,
  resourceOf,
  showLabels,
  showTable,
  showYaml,
  strictFlag,
  suggest,
} from '@mezite/cli'
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'

/** A problem for each label of a role that no app has. Empty while no app has a label. */
async function unmatchedLabels(
  client: HubClient,
  roles: readonly Pick<ResourceDocument, 'name' | 'value'>[],
): Promise<string[]> {
  const apps = await listOrNull<Resource>(client, '/apps')
  if (apps === null) return []
  const values = new Map<string, Set<string>>()
  for (const { metadata } of apps)
    for (const [key, value] of Object.entries(metadata?.labels ?? {}))
      values.set(key, (values.get(key) ?? new Set()).add(String(value)))
  if (values.size === 0) return []
  const problems: Promise<string | null>[] = []
  for (const { name, value } of roles) {
    const { allow, deny } = value.spec as Record<string, { app_labels?: Record<string, unknown> } | undefined>
    for (const [key, wanted] of [allow, deny].flatMap((rule) => Object.entries(rule?.app_labels ?? {})))
      for (const one of Array.isArray(wanted) ? wanted : [wanted])
        problems.push(unmatched(values, key, String(one)).then((text) => text && `role ${name}: ${text}`))
  }
  return (await Promise.all(problems)).filter((problem) => problem !== null)
}

async function unmatched(
  values: ReadonlyMap<string, ReadonlySet<string>>,
  key: string,
  value: string,
): Promise<string | null> {
  if (key === '*') return null
  const known = values.get(key)
  if (known === undefined) return `no app has a label "${key}".${await didYouMean(key, [...values.keys()])}`
  if (known.has(value) || value === '*' || /^\^.*\$$/.test(value)) return null
  const meant = await suggest(value, [...known])
  return `no app has the label ${key}=${value}.${meant === null ? '' : ` Did you mean ${key}=${meant}?`}`
}

type Rule = { app_labels?: Record<string, unknown> } | undefined

const LABEL = { multiple: true, multipleNonGreedy: true, helpValue: 'KEY=VALUE' } as const

class RolesCreate extends PutCommand {
  static override summary = 'Create a role, or create and replace the roles of a file'
  static override description =
    'A role lets people open the apps that have all labels of --allow; of a label that is given twice, either value will do. --deny takes apps away again. `mezctl explain role` describes the other keys of the document. Warns about labels that no app has.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --name developers --allow team=dev --deny env=prod',
    '<%= config.bin %> <%= command.id %> --from-file roles.yaml',
  ]
  static override flags = {
    name: Flags.string({ description: 'Name of the new role', helpValue: 'NAME' }),
    allow: Flags.string({ description: 'Label of the apps that it opens; again for another', ...LABEL }),
    deny: Flags.string({ description: 'Label of apps that it never opens; again for another', ...LABEL }),
    description: Flags.string({ description: 'What it is for', helpValue: 'TEXT' }),
    'from-file': Flags.string({
      char: 'f',
      description: 'YAML or JSON file with documents of kind role; - reads standard input',
      helpValue: 'FILE',
    }),
    ...strictFlag,
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(RolesCreate)
    const { name, allow, deny, description, 'from-file': file } = flags
    if (file !== undefined) {
      if ([name, allow, deny, description].some((one) => one !== undefined))
        throw new CliError('MEZ_USAGE_WRONG', '--from-file cannot be combined with other flags')
      const check = unmatchedLabels
      return this.put(flags, file, { kind: 'role', noun: 'role', collection: '/roles', check })
    }
    if (name === undefined || (allow === undefined && deny === undefined))
      throw new CliError('MEZ_USAGE_WRONG', 'give --name and --allow, or --from-file')
    const spec = {
      ...(allow && { allow: { app_labels: labelsOf(allow, '--allow') } }),
      ...(deny && { deny: { app_labels: labelsOf(deny, '--deny') } }),
    }
    const metadata = { name, ...(description !== undefined && { description }) }
    const body = { kind: 'role', version: 'v1', metadata, spec }
    await this.checkNames(flags, unmatchedLabels(this.hub(flags), [{ name, value: { spec } }]))
    const target = path`/roles/${name}`
    const created = this.call(flags, 'PUT', target, { body, ifNew: true }).catch((error) => {
      if (!(error instanceof CliError && error.status === 412)) throw error
      const hint = `See it: mezctl roles get ${name}. To replace it, write a file: mezctl roles create --from-file FILE`
      throw new CliError('changed_meanwhile', `the role ${name} already exists`, { hint, status: 412 })
    })
    await this.show(flags, resourceOf(await created), () =>
      escapeText(`Created role ${name}. Give it to somebody: mezctl users add-role USER ${name}`),
    )
  }
}

/** `KEY=VALUE` pairs as labels; a key that is given twice has a list of values. */
function labelsOf(pairs: readonly string[], flag: string): Record<string, string | string[]> {
  const labels = new Map<string, string[]>()
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    if (at < 1 || at === pair.length - 1)
      throw new CliError('MEZ_USAGE_WRONG', `${flag}: ${JSON.stringify(pair)} is not KEY=VALUE`)
    const [key, value] = [pair.slice(0, at), pair.slice(at + 1)]
    labels.set(key, [...(labels.get(key) ?? []), value])
  }
  return Object.fromEntries(
    [...labels].map(([key, [first = '', ...more]]) => [key, more.length === 0 ? first : [first, ...more]]),
  )
}

interface Changed {
  readonly users: readonly string[]
  readonly gains: readonly string[]
  readonly loses: readonly string[]
}
interface Preview {
  readonly role: string
  readonly users: number
  /** Of how many `apps` the role opens. Absent from hubs of the version before. */
  readonly opens?: number
  readonly apps?: number
  /** By the apps that they gain and lose. */
  readonly groups: readonly Changed[]
  /** Requests of the last day; null: there is nothing to compare with. Absent from hubs of the version before. */
  readonly requests?: ComparedRequests | null
}

interface ComparedRequests {
  readonly requests: number
  readonly users: number
  readonly complete: boolean
  readonly refused: number
  readonly examples: readonly {
    readonly user: string
    readonly app: string
    readonly method: string
    readonly path: string
    readonly count: number
  }[]
}

class RolesPreview extends AdminCommand {
  static override summary = 'Show who would gain and who would lose access if roles were saved'
  static override description =
    'Counts everybody who has the roles, for a time included, in groups who gain and lose the same apps; --json has all names. Compares with the roles as they are now, by roles alone: locks and other policies are not considered. Rules about requests are tried on the requests of the last day. Nothing is saved.'
  static override examples = ['<%= config.bin %> <%= command.id %> --from-file roles.yaml']
  static override flags = { 'from-file': fileFlags('role')['from-file'] }

  async run(): Promise<void> {
    const { flags } = await this.parse(RolesPreview)
    const previews: Preview[] = []
    for (const { name, value } of await readDocuments(flags['from-file'], ['role'])) {
      const found = (await this.call(flags, 'POST', '/roles/preview', { body: value })) as Omit<
        Preview,
        'role'
      >
      previews.push({ role: name, ...found })
    }
    await this.show(flags, previews, async () =>
      previews
        .map((preview) => [previewText(preview), requestsText(preview.requests)].filter(Boolean).join('\n'))
        .join('\n\n'),
    )
  }
}

interface Version {
  readonly version: number
  readonly saved: string | null
  readonly saved_by: string | null
  readonly document: object
}

class RolesVersions extends AdminCommand {
  static override summary = 'List the last versions of a role, or print one of them'
  static override description =
    'The newest version is the one in force. To go back to an earlier one, print it with --show, see who would gain and lose access with `mezctl roles preview`, and store it with `mezctl roles create`.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> developers',
    '<%= config.bin %> <%= command.id %> developers --show 3 >developers.json',
  ]
  static override args = { name: Args.string({ description: 'Name of the role', required: true }) }
  static override flags = {
    show: Flags.integer({ description: 'Print this version for --from-file', helpValue: 'VERSION', min: 1 }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RolesVersions)
    const { name } = args
    const versions = (await this.call(flags, 'GET', path`/roles/${name}/versions`)) as readonly Version[]
    if (versions.length === 0) await this.call(flags, 'GET', path`/roles/${name}`) // fails without this role
    if (flags.show === undefined)
      return this.show(flags, versions, () =>
        versions.length === 0
          ? escapeText(`The role ${name} has not been changed since its versions are kept.`)
          : showTable(
              ['version', 'saved', 'by'],
              versions.map(({ version, saved, saved_by }) => [
                String(version),
                saved === null ? 'with the cluster' : formatTime(saved),
                saved_by ?? 'unknown',
              ]),
            ),
      )
    const found = versions.find(({ version }) => version === flags.show)
    if (found === undefined)
      throw new CliError('MEZ_USAGE_WRONG', `there is no version ${flags.show} of the role ${name}`, {
        hint: `See those that are kept: mezctl roles versions ${name}`,
      })
    await this.show(flags, found.document, () => showYaml(found.document))
  }
}

/** Names of one cell; `--json` has all of them. */
const MOST_NAMES = 3

function previewText({ role, users, opens, apps, groups }: Preview): string {
  const reach = opens === undefined || apps === undefined ? '' : `, opens ${opens} of ${count(apps, 'app')}`
  const holders = `${escapeText(role)} (${count(users, 'user')}${reach})`
  if (groups.length === 0) return `${holders}: nobody gains or loses access.`
  const sum = (of: (group: Changed) => number) => groups.reduce((total, group) => total + of(group), 0)
  const gaining = sum((group) => (group.gains.length > 0 ? group.users.length : 0))
  const losing = sum((group) => (group.loses.length > 0 ? group.users.length : 0))
  const verdict = [
    losing > 0 && `${count(losing, 'user')} lose${losing === 1 ? 's' : ''} access`,
    gaining > 0 && `${count(gaining, 'user')} gain${gaining === 1 ? 's' : ''} access`,
  ].filter((part) => part !== false)
  const rows = groups.map((group) => [few(group.users), few(group.loses), few(group.gains)])
  return `${holders}: ${verdict.join(', ')}.\n${showTable(['users', 'lose', 'gain'], rows)}`
}

/** Requests that are listed; `--json` has more. */
const MOST_REQUESTS = 20

/** Empty if there is nothing to compare with. */
function requestsText(compared: Preview['requests']): string {
  if (!compared || compared.requests === 0) return ''
  const { requests, users, complete, refused, examples } = compared
  const from = `Of ${complete ? '' : 'the newest '}${count(requests, 'request')} of ${count(users, 'user')} in the last day`
  if (refused === 0) return `${from} none would be refused.`
  const rows = examples
    .slice(0, MOST_REQUESTS)
    .map(({ user, app, method, path, count }) => [user, app, `${method} ${path}`, String(count)])
  const more = examples.length > MOST_REQUESTS ? '\nThe most frequent ones; --json has more.' : ''
  return `${from} these ${refused} would be refused:\n${showTable(['user', 'app', 'request', 'times'], rows)}${more}`
}

const few = (names: readonly string[]) =>
  names.length <= MOST_NAMES
    ? names.join(', ')
    : `${names.length}: ${names.slice(0, MOST_NAMES).join(', ')}, …`

/** The commands of `mezctl` by id. */
export const COMMANDS = {
  ...resourceCommands<Resource>({
    topic: 'roles',
    noun: 'role',
    example: 'developers',
    ls: {
      summary: 'List the roles',
      examples: ['<%= config.bin %> <%= command.id %> --label team=dev'],
      empty: 'No roles yet. Create one: mezctl roles create --name NAME --allow team=dev',
      columns: [
        ['name', nameOf],
        ['allow', (role) => showLabels((role.spec?.allow as Rule)?.app_labels)],
        ['deny', (role) => showLabels((role.spec?.deny as Rule)?.app_labels)],
        ['description', (role) => role.metadata?.description],
      ],
      labels: (role) => ({ ...role.metadata?.labels, ...(role.spec?.allow as Rule)?.app_labels }),
    },
    get: 'Show a role',
    rm: { summary: 'Remove a role', effect: 'Users who have access through it lose that access now.' },
  }),
  'roles:create': RolesCreate,
  'roles:preview': RolesPreview,
  'roles:versions': RolesVersions,
}
