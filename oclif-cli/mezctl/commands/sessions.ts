import { type Flat, formatTime, resourceCommands } from '@mezite/cli'
import * as Flags from '@oclif/core/flags'

/** The app, or what the session is; of the token of a program, the program and its apps. */
function placeOf({ kind, app, apps, program }: Flat): unknown {
  if (kind !== 'token') return app ?? kind
  const at = Array.isArray(apps) && apps.length > 0 ? ` at ${apps.join(', ')}` : ''
  return `${String(program ?? 'token')}${at}`
}

/** The commands of sessions by id. */
export const COMMANDS = resourceCommands<Flat>({
  topic: 'sessions',
  noun: 'session',
  key: 'id',
  ls: {
    summary: 'List who is signed in, where, and until when',
    filters: {
      user: Flags.string({ description: 'Only sessions of this user', helpValue: 'NAME' }),
      app: Flags.string({ description: 'Only sessions at this app', helpValue: 'NAME' }),
      program: Flags.string({
        description: 'Only tokens of programs whose name contains this',
        helpValue: 'TEXT',
      }),
    },
    empty: 'Nobody is signed in.',
    noMatch: 'No sessions match. To list all of them: mezctl sessions ls',
    columns: [
      ['id', (session) => session.id],
      ['user', (session) => session.user],
      ['at', placeOf],
      ['used', (session) => formatTime(session.last_used)],
      ['expires', (session) => formatTime(session.expires)],
      ['from', (session) => session.client_ip],
    ],
  },
  actions: {
    revoke: {
      summary: 'End a session now, with its live connections',
      method: 'DELETE',
      path: '',
      question: (id) => `End session ${id}? Its live connections are cut now.`,
      done: (id) => `Revoked session ${id}.`,
      result: (id) => ({ id, revoked: true }),
    },
  },
})
