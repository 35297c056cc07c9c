import {
  AdminCommand,
  count,
  escapeText,
  type Flat,
  GetCommand,
  ListCommand,
  nameOf,
  path,
  RemoveCommand,
  type Resource,
  readDocuments,
  showLabels,
  showTable,
} from '@mezite/cli'
import * as Args from '@oclif/core/args'
import { fileFlags, PutCommand } from '../document-upload.ts'
import { unmatchedLabels } from '../name-checks.ts'

const args = { name: Args.string({ required: true, description: 'Name of the role' }) }

export class RolesCreate extends PutCommand {
  static override summary = 'Create or replace roles from a file'
  static override description = 'Warns about labels that no app has.'
  static override flags = fileFlags('role')

  async run(): Promise<void> {
    const { flags } = await this.parse(RolesCreate)
    const kind = { kind: 'role', noun: 'role', collection: '/roles', check: unmatchedLabels }
    await this.put(flags, flags['from-file'], kind)
  }
}

type Rule = { app_labels?: Record<string, unknown> } | undefined

interface Preview {
  readonly role: string
  readonly users: number
  readonly gains: readonly Flat[]
  readonly loses: readonly Flat[]
  readonly truncated: boolean
}

export class RolesPreview extends AdminCommand {
  static override summary = 'Show who would gain and who would lose access if roles were saved'
  static override description =
    'Compares with the roles as they are now, by roles alone: locks and other policies are not considered. Nothing is saved.'
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
    await this.show(flags, previews, async () => {
      const parts = await Promise.all(previews.map(previewText))
      return parts.join('\n\n')
    })
  }
}

async function previewText({ role, users, gains, loses, truncated }: Preview): Promise<string> {
  const holders = `${escapeText(role)} (${count(users, 'user')})`
  if (gains.length + loses.length === 0) return `${holders}: nobody gains or loses access.`
  const rows = [
    ...gains.map(({ user, app }) => ['gains', user, app]),
    ...loses.map(({ user, app }) => ['loses', user, app]),
  ]
  const more = truncated ? '\nThere are more; this list is not complete.' : ''
  return `${holders}\n${await showTable(['access', 'user', 'app'], rows)}${more}`
}

export class RolesLs extends ListCommand {
  static override summary = 'List the roles'

  async run(): Promise<void> {
    const { flags } = await this.parse(RolesLs)
    await this.list<Resource>(flags, {
      path: '/roles',
      empty: 'No roles yet. Create one: mezctl roles create --from-file roles.yaml',
      columns: [
        ['name', nameOf],
        ['allow', (role) => showLabels((role.spec?.allow as Rule)?.app_labels)],
        ['deny', (role) => showLabels((role.spec?.deny as Rule)?.app_labels)],
        ['description', (role) => role.metadata?.description],
      ],
    })
  }
}

export class RolesGet extends GetCommand {
  static override summary = 'Show a role'
  static override args = args

  protected target(name: string): string {
    return path`/roles/${name}`
  }
}

export class RolesRm extends RemoveCommand {
  static override summary = 'Remove a role'
  static override args = args

  protected removal(name: string) {
    return {
      method: 'DELETE',
      path: path`/roles/${name}`,
      question: `Remove role ${name}? Users who have access through it lose that access now.`,
      done: `Removed role ${name}.`,
      result: { name, removed: true },
    }
  }
}
