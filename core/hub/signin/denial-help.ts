import type { DenialHelp, DeniedAccess, Help } from '../../api/denial-help.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { safePath } from './return-target.ts'

/** The reason codes of a denial without a denying vote: no policy allows. */
const UNMATCHED: ReadonlySet<string> = new Set(['role_missing', 'label_mismatch'])

/** Asks the entries of the slot `denialHelp`. Never throws. */
export function createDenialHelp(options: {
  readonly entries: () => readonly DenialHelp[]
  readonly log: Log
}): (denial: DeniedAccess) => readonly Help[] {
  const { entries, log } = options
  return (denial) => {
    if (!UNMATCHED.has(denial.reason)) return []
    const found: Help[] = []
    for (const entry of entries()) {
      try {
        const help = entry.helpFor(denial)
        if (help !== null) found.push(checked(help))
      } catch (error) {
        log.error(
          { help: entry.name, cause: messageOf(error) },
          'a plugin failed to offer help with a denial',
        )
      }
    }
    return found
  }
}

function checked(help: Help): Help {
  const { title, text, path, reason } = help
  if (typeof title !== 'string' || title === '' || typeof text !== 'string')
    throw new TypeError('helpFor() must return a title and a text, or null')
  if (path !== undefined && safePath(path) !== path)
    throw new TypeError('`path` must be a path of the sign-in host')
  if (reason !== undefined && !/^[a-z][a-z0-9_]{0,63}$/.test(reason))
    throw new TypeError('`reason` must be in snake_case')
  return help
}
