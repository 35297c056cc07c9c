import { type Flat, resourceCommands } from '@mezite/cli'
import * as Flags from '@oclif/core/flags'

type Use = { readonly time: string; readonly client_ip: string; readonly user_agent: string } | null

/** The commands of `mezctl` by id. */
export const COMMANDS = resourceCommands<Flat>({
  topic: 'devices',
  noun: 'device',
  key: 'id',
  example: '01a2177e-3930-733d-b419-54bdf06c4dcb',
  ls: {
    summary: 'List the phones and other clients that people have added',
    examples: ['<%= config.bin %> <%= command.id %> --user ann@example.com'],
    filters: {
      user: Flags.string({ description: 'Only those of this person', helpValue: 'NAME' }),
    },
    empty: 'Nobody has added a device. People add them under "My account".',
    columns: [
      ['id', (one) => one.id],
      ['user', (one) => one.user],
      ['name', (one) => one.name],
      ['app', (one) => one.app],
      ['expires', (one) => one.expires, 'deadline'],
      ['last used', (one) => (one.last_used as Use)?.time ?? null, 'time'],
      ['from', (one) => (one.last_used as Use)?.client_ip ?? null],
      ['by', (one) => (one.last_used as Use)?.user_agent ?? null],
      ['elsewhere', (one) => one.moved, 'time'],
    ],
  },
  rm: {
    summary: 'End a device of a person at once',
    effect: 'It is refused, and its open connections are cut. The person can add another one.',
  },
})
