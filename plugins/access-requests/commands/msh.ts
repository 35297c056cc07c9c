import {
  CliError,
  chosen,
  escapeText,
  formatTime,
  type HubClient,
  listFlags,
  listOf,
  path,
  showRows,
  withProgress,
} from '@mezite/cli'
import { PersonCommand } from '@mezite/cli/identity'
import * as Flags from '@oclif/core/flags'
import { type AccessRequest, columns, id, states, targetOf } from './parts.ts'

/** How long one question of `--wait` may take; the hub answers after 20 s at the latest. */
const QUESTION_MS = 40_000

export class RequestCreate extends PersonCommand {
  static override summary = 'Ask for access to an app, or for a role, for a time'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --app orders-db --for 2h --reason TICKET-7 --wait',
    '<%= config.bin %> <%= command.id %> --roles oncall --for 8h --reason "on call this week"',
  ]
  static override flags = {
    app: Flags.string({ description: 'Name of an app', helpValue: 'NAME', exactlyOne: ['app', 'roles'] }),
    roles: Flags.string({ description: 'Roles, separated by commas', helpValue: 'ROLES' }),
    for: Flags.string({ required: true, description: 'For how long', helpValue: 'DURATION' }),
    reason: Flags.string({ description: 'Why', helpValue: 'TEXT' }),
    wait: Flags.boolean({ description: 'Wait for the decision; exits 1 unless it is an approval' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(RequestCreate)
    const client = this.hub(flags)
    const rest = { for: flags.for, ...(flags.reason === undefined ? {} : { reason: flags.reason }) }
    const wanted =
      flags.app === undefined
        ? (flags.roles ?? '').split(',').map((role) => ({ role: role.trim() }))
        : [{ app: flags.app }]
    const made: AccessRequest[] = []
    for (const one of wanted)
      made.push(
        (await client.call('POST', '/access-requests', { body: { ...one, ...rest } })) as AccessRequest,
      )
    if (flags.wait && this.formatOf(flags) === 'text')
      this.note('Waiting for the decision. Ctrl-C stops waiting; the request stays.')
    const shown = flags.wait ? await Promise.all(made.map((one) => this.#decided(client, one))) : made
    await this.show(flags, shown.length === 1 ? shown[0] : shown, () => shown.map(outcomeOf).join('\n'))
    const failed = flags.wait ? shown.find(({ state }) => state !== 'approved') : undefined
    if (failed !== undefined)
      throw new CliError(
        'request_not_approved',
        `the request for ${targetOf(failed)} was not approved (${failed.state})`,
      )
  }

  async #decided(client: HubClient, made: AccessRequest): Promise<AccessRequest> {
    let request = made
    while (request.state === 'pending')
      request = (await withProgress(
        'Waiting for the decision',
        client.call('GET', path`/access-requests/${made.id}`, {
          query: { was: 'pending' },
          deadlineMs: QUESTION_MS,
        }),
      )) as AccessRequest
    return request
  }
}

function outcomeOf(request: AccessRequest): string {
  const target = escapeText(targetOf(request))
  if (request.state === 'pending') return `Asked for ${target}. The id is ${request.id}.`
  if (request.state !== 'approved') return `The request for ${target} is ${request.state}.`
  const open = request.app === null ? '' : ` Open it: msh app login ${target}`
  return `You have access to ${target} until ${formatTime(request.until)}.${open}`
}

export class RequestLs extends PersonCommand {
  static override summary = 'List your requests for access'
  static override examples = ['<%= config.bin %> <%= command.id %> --state approved']
  static override flags = listFlags({ columns, states })
  /** For completion: the argument that is one of the names. */
  static key = 'id'
  static names = async (client: HubClient) => (await ownRequests(client)).map(({ id }) => id)

  async run(): Promise<void> {
    const { flags } = await this.parse(RequestLs)
    const own = await ownRequests(this.hub(flags))
    const found = chosen(own, flags, { columns, states })
    await this.show(flags, found, () => {
      if (own.length === 0) return 'You have not asked for access yet.'
      return found.length === 0
        ? 'No requests match. To list all of them: msh request ls'
        : showRows(found, { columns })
    })
  }
}

const ownRequests = async (client: HubClient) =>
  listOf<AccessRequest>(await client.call('GET', '/access-requests', { query: { mine: 'true' } }))

export class RequestCancel extends PersonCommand {
  static override summary = 'Take back a request, or end the access that it has given'
  static override examples = ['<%= config.bin %> <%= command.id %> 0190b2c4-3930-733d-b419-54bdf06c4dcb']
  static override args = id

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RequestCancel)
    const target = path`/access-requests/${args.id}/cancel`
    const request = (await this.hub(flags).call('POST', target)) as AccessRequest
    await this.show(flags, request, () =>
      request.state === 'ended' ? 'Your access has ended.' : 'Cancelled the request.',
    )
  }
}
