/**
 * The commands that act as a user, and the stored logins and identity files of msh.
 *
 * @internal
 */
import * as Flags from '@oclif/core/flags'
import type * as Interfaces from '@oclif/core/interfaces'
import { BaseCommand } from './base-command.ts'
import { CliError } from './cli-error.ts'
import type { CallOptions, HubClient } from './hub-client.ts'
import { parseProxy } from './hub-endpoint.ts'
import { notLoggedIn } from './profile-store.ts'
import { withProgress } from './terminal.ts'
import {
  hubClientOf,
  type Identity,
  identityOf,
  loginStore,
  readIdentityFile,
  renewHint,
} from './user-identity.ts'

export * from './user-identity.ts'

/** A command that acts as a signed-in user. */
export abstract class MshCommand extends BaseCommand {
  static override baseFlags = {
    ...BaseCommand.baseFlags,
    identity: Flags.string({
      char: 'i',
      description: 'Identity file from `msh login --out`, instead of a login (also MSH_IDENTITY)',
      helpGroup: 'GLOBAL',
      helpValue: 'FILE',
    }),
    proxy: Flags.string({
      description: 'The hub, if you are signed in at several (also MEZITE_PROXY); default: the latest login',
      helpGroup: 'GLOBAL',
      helpValue: 'HOST[:PORT]',
    }),
  }

  /** Also renews the login of a bot that is due, so that `identity` finds a valid one. Throws what `renewBot` throws. */
  protected override async parse<
    F extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    B extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    A extends Interfaces.OutputArgs<Interfaces.ArgInput>,
  >(options?: Interfaces.Input<F, B, A>, argv?: string[]): Promise<Interfaces.ParserOutput<F, B, A>> {
    const parsed = await super.parse(options, argv)
    const { identity, proxy } = parsed.flags as PersonFlags
    const named = proxy ?? (process.env.MEZITE_PROXY || undefined)
    if ((identity ?? (process.env.MSH_IDENTITY || undefined)) !== undefined) return parsed
    const profile = loginStore().get(named && parseProxy(named).name)
    if (profile?.bot !== undefined) {
      const { isDue, renewBot } = await import('./bot-login.ts')
      if (isDue(profile)) await renewBot(profile)
    }
    return parsed
  }

  /**
   * The identity of this command line: `-i FILE`, else MSH_IDENTITY, else the login at `--proxy` or MEZITE_PROXY, else the
   * latest login. Throws `MEZ_NOT_LOGGED_IN` or `MEZ_LOGIN_EXPIRED`.
   */
  protected identity(flags: PersonFlags): Identity {
    const named = flags.proxy ?? (process.env.MEZITE_PROXY || undefined)
    const proxy = named === undefined ? null : parseProxy(named)
    const file = flags.identity ?? (process.env.MSH_IDENTITY || undefined)
    const identity = file === undefined ? storedIdentity(proxy?.name) : readIdentityFile(file, proxy)
    if (!(identity.expires > Date.now())) {
      const what =
        identity.file === null ? `the login at ${identity.proxy.name}` : `the identity file ${identity.file}`
      throw new CliError('MEZ_LOGIN_EXPIRED', `${what} has expired`, { hint: renewHint(identity) })
    }
    return identity
  }
}

/** For a connection that lasts: renews the login of a bot; undefined for a person and for an identity file. */
export function renewalOfLogin({ proxy, file }: Identity): (() => Promise<Identity>) | undefined {
  const profile = file === null ? loginStore().get(proxy.name) : null
  if (profile?.bot === undefined) return undefined
  return async () => (await import('./bot-login.ts')).renewBot(profile)
}

/** The flags of every command that acts as a signed-in person. @public */
export interface PersonFlags {
  readonly identity?: string | undefined
  readonly proxy?: string | undefined
}

/** A command of msh that calls the JSON API of the hub as the signed-in person. @public */
export abstract class PersonCommand extends MshCommand {
  #client: HubClient | null = null

  /** The hub of this command line. Throws `MEZ_NOT_LOGGED_IN`, `MEZ_LOGIN_EXPIRED`, or `MEZ_IDENTITY_INVALID` for an identity file. */
  protected hub(flags: PersonFlags): HubClient {
    this.#client ??= hubClientOf(this.identity(flags))
    if (this.#client !== null) return this.#client
    throw new CliError('MEZ_IDENTITY_INVALID', 'an identity file can open apps, but not call the hub', {
      hint: 'Use a login: msh login --proxy HOST[:PORT]. The file opens apps: msh -i FILE app login APP.',
    })
  }

  /** One request; a terminal shows when it takes long. `T` is what the route responds with. */
  protected async call<T>(
    flags: PersonFlags,
    method: string,
    path: string,
    options: CallOptions = {},
  ): Promise<T> {
    return (await withProgress('Asking the hub', this.hub(flags).call(method, path, options))) as T
  }
}

function storedIdentity(wanted: string | undefined): Identity {
  const profile = loginStore().get(wanted)
  if (profile === null) throw notLoggedIn('msh', wanted)
  return identityOf(profile)
}
