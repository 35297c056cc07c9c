import { BaseCommand } from '@mezite/cli-shared'
import { Flags } from '@oclif/core'
import type { Identity } from './identity.ts'
import { chooseIdentity } from './identity-choice.ts'

/** A command that acts as a signed-in person. */
export abstract class MshCommand extends BaseCommand {
  static override baseFlags = {
    ...BaseCommand.baseFlags,
    identity: Flags.string({
      char: 'i',
      description: 'identity file of `msh login --out`, in place of a login (also MSH_IDENTITY)',
      helpGroup: 'GLOBAL',
      helpValue: 'FILE',
    }),
    proxy: Flags.string({
      description:
        'the hub, when you are signed in at several (also MEZITE_PROXY); the latest login otherwise',
      helpGroup: 'GLOBAL',
      helpValue: 'HOST[:PORT]',
    }),
  }

  /** Who this command line acts as. */
  protected identity(flags: { identity?: string | undefined; proxy?: string | undefined }): Identity {
    return chooseIdentity(flags)
  }
}
