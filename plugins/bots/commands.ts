import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  AdminCommand,
  CliError,
  cutText,
  escapeText,
  formatTime,
  jwkThumbprint,
  messageOf,
  nameOf,
  PutCommand,
  parseRoles,
  path,
  type Resource,
  type ResourceDocument,
  resourceCommands,
  resourceOf,
  strictFlag,
  unknownRoles,
} from '@mezite/cli'
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import type { InferredFlags } from '@oclif/core/interfaces'
import { ProgramsDoctor } from './commands/doctor.ts'
import { BotsSecret } from './commands/secret.ts'
import { isAgreed, proofsOf, specOf } from './commands/shown-bot.ts'

const list = (text: string): string[] => text.match(/[^,\s]+/g) ?? []

const specFlags = {
  roles: Flags.string({ description: 'Roles of the bot: a,b', helpValue: 'ROLES' }),
  'acts-for': Flags.string({
    description: 'Person for whom it acts, once they agree under "My account"; "" for nobody',
    helpValue: 'USER',
  }),
  'requests-per-minute': Flags.integer({
    description: 'Requests to apps that each hub admits in a minute; default with --acts-for: 600',
    min: 1,
    max: 100_000,
  }),
  'allow-from': Flags.string({
    description: 'Addresses and networks from which it may connect: a,b; "" for any',
    helpValue: 'CIDRS',
  }),
  api: Flags.boolean({
    description: "Let it call the hub's API as its roles allow; --no-api takes that away",
    allowNo: true,
  }),
  ttl: Flags.string({
    description: 'Longest life of its tokens: 1m to 24h (default 1h)',
    helpValue: 'DURATION',
  }),
  key: Flags.string({
    multiple: true,
    description: 'PEM file of a public key that signs its assertions; again for another key',
    helpValue: 'FILE',
  }),
  issuer: Flags.string({
    description: 'Issuer of ID tokens that it may show, with --audience and --claim',
    helpValue: 'URL',
  }),
  audience: Flags.string({ description: 'Audience of these ID tokens' }),
  claim: Flags.string({
    multiple: true,
    description: 'Claim of these ID tokens: the exact value, or ^regex$; again for another claim',
    helpValue: 'NAME=VALUE',
  }),
}

/** A rule of trust is whole, or it is none. Throws `CliError` with the flags that are missing. */
function requireWholeRule({ issuer, audience, claim }: Partial<InferredFlags<typeof specFlags>>): void {
  const missing = [
    ...(issuer === undefined ? ['--issuer URL'] : []),
    ...(audience === undefined ? ['--audience AUDIENCE'] : []),
    ...(claim === undefined ? ['--claim NAME=VALUE'] : []),
  ]
  if (missing.length === 0 || missing.length === 3) return
  throw new CliError('MEZ_USAGE_WRONG', `a rule of trust also needs ${missing.join(' and ')}`, {
    hint: 'Name the issuer of the ID tokens, the audience that means this hub, and at least one claim of the job.',
  })
}

type Spec = Readonly<Record<string, unknown>>

/** The spec with what the flags say; keys and rules of trust are added to those that it has. */
function changed(spec: Spec, flags: Partial<InferredFlags<typeof specFlags>>): Spec {
  requireWholeRule(flags)
  const { api, roles, ttl, key = [], issuer, audience, claim = [] } = flags
  const { allow_from: allowed, acts_for: before, ...rest } = spec
  const [person, most] = [flags['acts-for'] ?? before, flags['requests-per-minute']]
  const from = flags['allow-from'] === undefined ? allowed : list(flags['allow-from'])
  const added = (member: string, more: readonly object[]) => {
    const all = [...((spec[member] as object[] | undefined) ?? []), ...more]
    return all.length === 0 ? {} : { [member]: all }
  }
  const rule =
    issuer === undefined ? [] : [{ issuer, audience, claims: Object.fromEntries(claim.map(claimOf)) }]
  return {
    ...rest,
    ...(roles === undefined ? {} : { roles: parseRoles(roles) }),
    ...(person === undefined || person === '' ? {} : { acts_for: person }),
    ...(most === undefined ? {} : { requests_per_minute: most }),
    ...(Array.isArray(from) && from.length > 0 ? { allow_from: from } : {}),
    ...(api === undefined ? {} : { api }),
    ...(ttl === undefined ? {} : { max_token_ttl: ttl }),
    ...added('trust', rule),
    ...added('keys', key.map(readKey)),
  }
}

function claimOf(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)]
  throw new CliError('MEZ_USAGE_WRONG', `--claim: ${JSON.stringify(text)} is not NAME=VALUE`)
}

/** A public key with its thumbprint (RFC 7638) as the id, which `msh login --bot` also computes. */
function readKey(file: string) {
  let pem: string
  try {
    pem = readFileSync(file, 'utf8')
  } catch (error) {
    throw new CliError('MEZ_FILE_UNREADABLE', `cannot read ${file}: ${messageOf(error)}`)
  }
  if (!/^\s*-----BEGIN (RSA )?PUBLIC KEY-----/.test(pem))
    throw new CliError('MEZ_USAGE_WRONG', `--key: ${file} is not a public key in PEM`, {
      hint: 'Write the public half of a key: openssl pkey -in ci.key -pubout -out ci.pub',
    })
  try {
    const key = createPublicKey(pem)
    return { kid: jwkThumbprint(key), jwk: key.export({ format: 'jwk' }) }
  } catch (error) {
    throw new CliError('MEZ_USAGE_WRONG', `--key: ${file} is not a usable public key: ${messageOf(error)}`)
  }
}

const bodyOf = (name: string, spec: Spec, metadata: object = {}) => ({
  kind: 'bot',
  version: 'v1',
  metadata: { ...metadata, name },
  spec,
})

async function unknownRolesOf(
  client: Parameters<typeof unknownRoles>[0],
  documents: readonly ResourceDocument[],
) {
  const roles = documents.flatMap(({ value }) => {
    const { roles: all } = (value.spec ?? {}) as { roles?: unknown }
    return Array.isArray(all) ? all.map(String) : []
  })
  return unknownRoles(client, [...new Set(roles)])
}

const name = Args.string({ required: true, description: 'Name of the bot' })

class BotsCreate extends PutCommand {
  static override summary = 'Create an account for a program, such as a CI job'
  static override description =
    'The program proves itself with a JWT of its own key (--key), an ID token of the platform that runs it (--issuer), or a secret (mezctl bots secret), and gets short-lived tokens. Apps see it as bot:NAME. With --from-file, creates or replaces the bots of a file. Warns about roles that do not exist.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> ci --roles deploy --key ci.pub',
    '<%= config.bin %> <%= command.id %> ci --roles deploy --issuer https://token.actions.githubusercontent.com --audience https://mezite.example.com --claim repository=example/shop --claim ref=refs/heads/main',
    '<%= config.bin %> <%= command.id %> --from-file bots.yaml',
  ]
  // Standard input is the document of `--from-file -`, never the name.
  static override args = { name: Args.string({ description: 'Name of the bot' }) }
  static override flags = {
    ...specFlags,
    'from-file': Flags.string({
      char: 'f',
      description: 'YAML or JSON file with documents of kind bot; - reads standard input',
      helpValue: 'FILE',
    }),
    ...strictFlag,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(BotsCreate)
    const file = flags['from-file']
    if (file !== undefined && args.name === undefined)
      return this.put(flags, file, { kind: 'bot', noun: 'bot', collection: '/bots', check: unknownRolesOf })
    if (file !== undefined || args.name === undefined || flags.roles === undefined)
      throw new CliError('MEZ_USAGE_WRONG', 'give NAME and --roles, or --from-file alone')
    const spec = changed({ roles: [] }, flags)
    await this.checkNames(flags, unknownRoles(this.hub(flags), parseRoles(flags.roles)))
    const target = path`/bots/${args.name}`
    if (await exists(() => this.call(flags, 'GET', target)))
      throw new CliError('bot_exists', `the bot ${args.name} already exists`, {
        hint: `Change it with mezctl bots update ${args.name}.`,
      })
    const response = await this.call(flags, 'PUT', target, { body: bodyOf(args.name, spec) })
    await this.show(flags, resourceOf(response), () => {
      const proofs = spec.keys ?? spec.trust
      const next = proofs
        ? ''
        : `\nIt has no key and trusts no issuer. Add one, or a secret: mezctl bots secret ${args.name}`
      const person = spec.acts_for
      const seen =
        person === undefined
          ? `Apps see it as bot:${args.name}.`
          : `It counts once ${String(person)} agrees under "My account"; apps then see that name.`
      return escapeText(`Created bot ${args.name}. ${seen}`) + next
    })
  }
}

async function exists(get: () => Promise<unknown>): Promise<boolean> {
  try {
    await get()
    return true
  } catch (error) {
    if (error instanceof CliError && error.status === 404) return false
    throw error
  }
}

class BotsUpdate extends AdminCommand {
  static override summary = 'Change a bot: its roles, limits, keys and trusted issuers'
  static override description =
    'Keys and issuers are added to those that it has; --remove-keys and --remove-issuers take all of them away first. A change of anything but the roles ends the sessions of the bot: its programs get new tokens.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> ci --roles deploy,metrics',
    '<%= config.bin %> <%= command.id %> helper --acts-for alice@example.com',
  ]
  static override args = { name }
  static override flags = {
    ...specFlags,
    'remove-keys': Flags.boolean({ description: 'Remove all keys that it has now' }),
    'remove-issuers': Flags.boolean({ description: 'Remove all rules of trust that it has now' }),
    ...strictFlag,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(BotsUpdate)
    const target = path`/bots/${args.name}`
    if (flags.roles !== undefined)
      await this.checkNames(flags, unknownRoles(this.hub(flags), parseRoles(flags.roles)))
    const stored = (await this.call(flags, 'GET', target)) as Resource
    const { keys, trust, ...rest } = (stored.spec ?? {}) as Spec
    const kept = {
      ...rest,
      ...(flags['remove-keys'] || keys === undefined ? {} : { keys }),
      ...(flags['remove-issuers'] || trust === undefined ? {} : { trust }),
    }
    const body = bodyOf(args.name, changed(kept, flags), stored.metadata)
    const { etag } = (stored.status ?? {}) as { etag?: string }
    const response = await this.call(flags, 'PUT', target, { body, ifMatch: etag })
    await this.show(flags, resourceOf(response), () =>
      escapeText(`Updated bot ${args.name}.${cutText(response)}`),
    )
  }
}

/** The commands of `mezctl` by id. */
export const COMMANDS = {
  'bots:create': BotsCreate,
  'bots:update': BotsUpdate,
  'bots:secret': BotsSecret,
  ...resourceCommands<Resource>({
    topic: 'bots',
    noun: 'bot',
    example: 'ci',
    ls: {
      summary: 'List the accounts of programs',
      empty: 'No bots yet. Create one for a program: mezctl bots create NAME --roles ROLE --key FILE',
      columns: [
        ['name', nameOf],
        ['roles', (bot) => specOf(bot).roles],
        ['acts for', (bot) => specOf(bot).acts_for],
        ['proofs', proofsOf],
        ['allow from', (bot) => specOf(bot).allow_from],
        ['longest token', (bot) => specOf(bot).max_token_ttl ?? '1h'],
        ['secret since', (bot) => formatTime(bot.status?.secret_created)],
        ['last used', (bot) => formatTime(bot.status?.secret_used)],
        ['old secret until', (bot) => formatTime(bot.status?.old_secret_until)],
        ['last used', (bot) => formatTime(bot.status?.old_secret_used)],
      ],
      states: {
        ready: (bot) => proofsOf(bot).length > 0 && isAgreed(bot),
        'no-consent': (bot) => !isAgreed(bot),
        'no-proof': (bot) => proofsOf(bot).length === 0,
      },
    },
    get: 'Show a bot, with its keys and the issuers that it trusts',
    rm: { summary: 'Remove a bot, and end its sessions', effect: 'Its programs are rejected from now on.' },
  }),
  'programs:doctor': ProgramsDoctor,
}
