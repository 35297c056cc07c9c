import type { Access } from '../../api/access.ts'
import { type DenialHelp, denialHelp, type Help } from '../../api/denial-help.ts'
import type { HubHooks } from '../../api/hub-hooks.ts'
import { safePath } from '../../api/local-path.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Log } from '../../kernel/log.ts'
import { isReasonCode } from '../../kernel/reason.ts'

/** The reason codes of a denial without a denying vote: no policy allows. */
const UNMATCHED: ReadonlySet<string> = new Set(['role_missing', 'label_mismatch'])

/** Asks the entries of the slot `denialHelp`. Never throws. */
export function createDenialHelp({
  kernel,
  log,
}: {
  readonly kernel: Pick<Kernel<HubHooks>, 'slot'>
  readonly log: Log
}): Pick<Access, 'helpFor' | 'offersTo'> {
  /** What all entries return; one that throws offers nothing. */
  function all<T>(ask: (entry: DenialHelp) => readonly T[]): readonly T[] {
    return kernel.slot(denialHelp).flatMap((entry) => {
      try {
        return ask(entry)
      } catch (error) {
        log.error(
          { help: entry.name, cause: messageOf(error) },
          'a plugin failed to offer help with a denial',
        )
        return []
      }
    })
  }

  return {
    helpFor: (denial) =>
      UNMATCHED.has(denial.reason)
        ? all((entry) => {
            const help = entry.helpFor(denial)
            return help === null ? [] : [checked(help)]
          })
        : [],
    offersTo(subject) {
      const offers = all((entry) =>
        [...(entry.offersTo?.(subject) ?? [])].filter(
          ({ app, path }) => app.enabled && safePath(path) === path,
        ),
      )
      const seen = new Set<string>()
      return offers.filter(({ app: { id } }) => !seen.has(id) && seen.add(id))
    },
  }
}

function checked(help: Help): Help {
  const { title, text, path, reason } = help
  if (typeof title !== 'string' || title === '' || typeof text !== 'string')
    throw new TypeError('helpFor() must return a title and a text, or null')
  if (path !== undefined && safePath(path) !== path)
    throw new TypeError('`path` must be a path of the sign-in host')
  if (reason !== undefined && !isReasonCode(reason)) throw new TypeError('`reason` must be in snake_case')
  return help
}
