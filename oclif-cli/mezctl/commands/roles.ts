import { path, showLabels } from '@mezite/cli'
import * as Args from '@oclif/core/args'
import { GetCommand, ListCommand, RemoveCommand } from '../admin-command.ts'
import { fileFlags, PutCommand } from '../document-upload.ts'
import { unmatchedLabels } from '../name-checks.ts'
import { nameOf, type Resource } from '../resource.ts'

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
