import { readFile } from 'node:fs/promises'
import {
  AdminCommand,
  CliError,
  type Flat,
  formatTime,
  messageOf,
  path,
  resourceCommands,
  showCell,
} from '@mezite/cli'
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'

class CertsImport extends AdminCommand {
  static override summary = 'Import a certificate, which takes the place of an ordered one'
  static override description =
    'The hub serves it for the names in it, and never renews it. An import with the same name replaces it.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> shop --cert-file fullchain.pem --key-file key.pem',
  ]
  static override args = { name: Args.string({ required: true, description: 'Name of the certificate' }) }
  static override flags = {
    'cert-file': Flags.string({
      required: true,
      description: 'PEM of the certificate, followed by its chain',
      helpValue: 'FILE',
    }),
    'key-file': Flags.string({ required: true, description: 'PEM of its key', helpValue: 'FILE' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(CertsImport)
    const read = (file: string) =>
      readFile(file, 'utf8').catch((error) => {
        throw new CliError('MEZ_FILE_UNREADABLE', `${file} cannot be read: ${messageOf(error)}`)
      })
    const body = { cert: await read(flags['cert-file']), key: await read(flags['key-file']) }
    const one = (await this.call(flags, 'PUT', path`/certificates/${args.name}`, { body })) as Flat
    await this.show(
      flags,
      one,
      () => `Imported certificate ${showCell(one.name)}, valid until ${formatTime(one.not_after)}.`,
    )
  }
}

/** The commands of `mezctl` by id. */
export const COMMANDS = {
  ...resourceCommands<Flat>({
    topic: 'certs',
    collection: '/certificates',
    noun: 'certificate',
    example: 'hub.example.com',
    ls: {
      summary: 'List the certificates that the hub serves: ordered, imported, or from files',
      examples: ['<%= config.bin %> <%= command.id %> --sort expires'],
      empty: 'No certificates. Set plugins.acme.email in mezhub.yaml, and the hub orders them.',
      columns: [
        ['name', (one) => one.name],
        ['state', (one) => one.state],
        ['names', (one) => (Array.isArray(one.names) ? one.names.length : null)],
        ['expires', (one) => one.not_after, 'deadline'],
        ['next attempt', (one) => one.next_attempt, 'deadline'],
      ],
      states: Object.fromEntries(
        ['valid', 'ordering', 'failing', 'imported'].map((state) => [
          state,
          (one: Flat) => one.state === state,
        ]),
      ),
      // They are too long for a column.
      below: (all) =>
        all
          .filter(({ last_error }) => last_error !== null)
          .map(({ name, last_error }) => `${showCell(name)}: ${showCell(last_error)}`),
    },
    get: 'Show a certificate with its names and its last error',
    rm: {
      summary: 'Drop a certificate; one that is still needed is ordered again',
      effect: 'Its hosts have no certificate until another one covers them.',
    },
    actions: {
      renew: {
        summary: 'Order a certificate now, without waiting for its renewal',
        description:
          'The certificate of before is served until the new one is there. mezctl certs get NAME shows how it goes.',
        examples: ['<%= config.bin %> <%= command.id %> hub.example.com'],
        done: (_name, { name }) => `Ordering certificate ${showCell(name)}.`,
      },
    },
  }),
  'certs:import': CertsImport,
}
