import { CliError, confirm, path } from '@mezite/cli-shared'
import { Flags } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'
import {
  type AuthorityRotation,
  type KeyRotation,
  rotationText,
  signingKeysText,
} from '../../rotation-text.ts'

/** Asked on a terminal: what the step ends. */
const QUESTIONS: Readonly<Record<string, string>> = {
  finish: 'What the old key has signed is refused from now on, and connections that stand on it are cut.',
}

export default class AuthRotate extends AdminCommand {
  static override summary = 'give an authority, or the identity assertion, a new key'
  static override description = `Authorities take steps, and no request fails on the way:
start publishes a new key, which everybody comes to trust; switch signs with it, and what the old one signed still counts; finish refuses what the old one signed. rollback goes back, until finish. Without --phase it says where the rotation stands, who would be shut out by the next step, and what to type.
app-jwt needs no steps: the new key is published now and signs in six minutes, and the old one verifies for a week.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> --type=agent-ca',
    '<%= config.bin %> <%= command.id %> --type=agent-ca --phase start',
    '<%= config.bin %> <%= command.id %> --type=app-jwt',
  ]
  static override flags = {
    type: Flags.option({
      options: ['app-jwt', 'user-ca', 'agent-ca', 'hub-ca'] as const,
      required: true,
      description:
        'hub-ca and agent-ca stand between hubs and agents, user-ca behind msh, app-jwt behind applications',
    })(),
    phase: Flags.option({
      options: ['start', 'switch', 'finish', 'rollback'] as const,
      description: 'the next step',
    })(),
    force: Flags.boolean({ description: 'take the step although it shuts somebody out' }),
    yes: Flags.boolean({ char: 'y', description: 'do not ask' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(AuthRotate)
    const { type, phase, force } = flags
    const target = path`/auth/rotate/${type}`
    if (type === 'app-jwt') {
      if (phase !== undefined) throw new CliError('MEZ_USAGE', 'app-jwt has no phases: leave --phase out')
      const rotation = (await this.call(flags, 'POST', target)) as KeyRotation
      return this.show(flags, rotation, () => signingKeysText(rotation))
    }
    if (phase === undefined) {
      const rotation = (await this.call(flags, 'GET', target)) as AuthorityRotation
      return this.show(flags, rotation, () => rotationText(rotation))
    }
    const question = QUESTIONS[phase]
    if (question !== undefined) await confirm(`${question} Go ahead with the ${type}?`, flags.yes)
    const body = { step: phase, force }
    const rotation = (await this.call(flags, 'POST', target, { body })) as AuthorityRotation
    await this.show(flags, rotation, () => rotationText(rotation))
  }
}
