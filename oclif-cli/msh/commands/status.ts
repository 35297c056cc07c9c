import { CliError, formatTime, messageOf, showFields, withProgress } from '@mezite/cli'
import { hubClientOf, type Identity, loginStore, MshCommand, renewHint } from '@mezite/cli/identity'

export class Status extends MshCommand {
  static override summary = 'Show your user, hub, roles and the end of your login'
  static override examples = ['<%= config.bin %> <%= command.id %>']
  static override description =
    'The roles come from the hub. If it is unreachable, the roles at the time of the login are shown. Exits 1 if the login has ended.'

  async run(): Promise<void> {
    const { flags } = await this.parse(Status)
    const identity = this.identity(flags)
    const roles = await this.#currentRoles(identity)
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
        ['Expires', `${status.expires} (${formatTime(status.expires)})`],
        ...(file === null ? [] : [['Identity file', file] as const]),
        ...(status.other_logins.length > 0 ? [['Other logins', status.other_logins] as const] : []),
      ]),
    )
  }

  /** The roles now; null if the hub is unreachable or the identity has no credential to ask it. */
  async #currentRoles(identity: Identity): Promise<readonly string[] | null> {
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
      this.note(`warning: showing the roles at the time of the login. ${messageOf(error)}`)
      return null
    }
  }
}
