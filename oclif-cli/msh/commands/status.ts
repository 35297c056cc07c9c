import { CliError, messageOf, showFields, showTime, withProgress } from '@mezite/cli-shared'
import type { Identity } from '../identity.ts'
import { hubClientOf, renewHint } from '../identity-choice.ts'
import { loginStore } from '../login-store.ts'
import { MshCommand } from '../msh-command.ts'

export default class Status extends MshCommand {
  static override summary = 'show who you are, where, with which roles and until when'
  static override description =
    'The roles are asked of the hub; when it cannot be reached, those of the login are shown. Exits 1 when the login has ended.'

  async run(): Promise<void> {
    const { flags } = await this.parse(Status)
    const identity = this.identity(flags)
    const roles = await this.#rolesNow(identity)
    const { proxy, user, cluster, sessionId, file } = identity
    const others = file === null ? loginStore().list() : []
    const status = {
      proxy: proxy.name,
      user,
      cluster,
      roles: roles ?? (identity.file === null ? identity.roles : null),
      expires: new Date(identity.expires).toISOString(),
      session_id: sessionId,
      identity_file: file,
      other_logins: others.map((other) => other.proxy).filter((name) => name !== proxy.name),
    }
    await this.show(flags, status, () =>
      showFields([
        ['User', user],
        ['Cluster', cluster],
        ['Hub', proxy.name],
        ['Roles', status.roles],
        ['Expires', `${status.expires} (${showTime(status.expires)})`],
        ...(file === null ? [] : [['Identity file', file] as const]),
        ...(status.other_logins.length > 0 ? [['Also signed in at', status.other_logins] as const] : []),
      ]),
    )
  }

  /** Null: the hub cannot be asked now. */
  async #rolesNow(identity: Identity): Promise<readonly string[] | null> {
    const client = hubClientOf(identity)
    if (client === null) return null
    try {
      const me = await withProgress('Asking the hub', client.call('GET', '/me', { deadlineMs: 5_000 }))
      const { roles } = (me ?? {}) as { roles?: unknown }
      return Array.isArray(roles) ? roles.map(String) : null
    } catch (error) {
      if (error instanceof CliError && error.status === 401) {
        throw new CliError('MEZ_LOGIN_ENDED', `the login at ${identity.proxy.name} has ended`, {
          hint: renewHint(identity),
        })
      }
      this.note(`The hub could not be asked; shown is what was true at the login. ${messageOf(error)}`)
      return null
    }
  }
}
