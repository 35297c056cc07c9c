import { type Flat, resourceCommands, showCell } from '@mezite/cli'
import * as Flags from '@oclif/core/flags'

const STATES = [
  ...['pending', 'running', 'done', 'failed', 'unclear'],
  ...['outdated', 'denied', 'cancelled', 'expired', 'forced'],
]

const titleOf = ({ right, name }: Flat): string =>
  name ? `${showCell(right)} ${showCell(name)}` : showCell(right)

/** The commands of `mezctl` by id. */
export const COMMANDS = resourceCommands<Flat>({
  topic: 'changes',
  noun: 'change',
  key: 'id',
  example: '0190b2c4-3930-733d-b419-54bdf06c4dcb',
  ls: {
    summary: 'List changes that wait or waited for approval and concern you',
    examples: ['<%= config.bin %> <%= command.id %> --state pending'],
    empty: 'No changes wait for approval.',
    columns: [
      ['id', ({ id }) => id],
      ['state', ({ state }) => state],
      ['change', titleOf],
      ['asked by', ({ user }) => user],
      ['asked', ({ created }) => created, 'time'],
      ['decided by', ({ decided_by }) => decided_by],
      ['reason', ({ reason }) => reason],
      ['problem', ({ problem }) => problem],
    ],
    states: Object.fromEntries(STATES.map((one) => [one, ({ state }: Flat) => state === one])),
  },
  get: 'Show a change, what differs, and who gains and loses access',
  actions: {
    approve: {
      summary: 'Approve a change of another person, which makes it',
      description:
        'Needs a login of your own (mezctl login) and the right that the change needs. The change is made at once, if the thing is still as it was when the person asked, and that person may still make it.',
      done: (_id, change) => `Approved and made: ${titleOf(change)}.`,
    },
    deny: {
      summary: 'Deny a change of another person',
      flags: { reason: Flags.string({ description: 'Why', helpValue: 'TEXT' }) },
      done: (_id, change) => `Denied: ${titleOf(change)}.`,
    },
    cancel: {
      summary: 'Take back a change that you asked for',
      done: (_id, change) => `Taken back: ${titleOf(change)}.`,
    },
    'break-glass': {
      summary: 'Make a change that you asked for without approval',
      description:
        'Needs a role in `break_glass` of the plugin change-approvals. Operators are notified, and the change is recorded with the reason.',
      examples: ['<%= config.bin %> <%= command.id %> 0190… --reason "INC-42: sign-in is down"'],
      path: '/force',
      flags: {
        reason: Flags.string({ required: true, description: 'Why it cannot wait', helpValue: 'TEXT' }),
      },
      question: (id) => `Make the change ${id} without approval? Operators are notified.`,
      done: (_id, change) => `Made without approval: ${titleOf(change)}.`,
    },
    answer: {
      summary: 'Show once what an approved change of yours answered',
      description:
        'For changes whose answer has a secret that is shown once, such as a new token. It is kept encrypted for a day.',
      done: (_id, answer) => JSON.stringify(answer, null, 2),
    },
  },
})
