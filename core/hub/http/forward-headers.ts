import type { ForwardContext, HeaderLines } from '../../api/header-forwarding.ts'
import type { HubCalls } from '../../api/hub-hooks.ts'
import { MezError } from '../../kernel/error.ts'

/**
 * The service behind `http.forward`. Taps get a frozen copy, so that what they change is always another array than the
 * one that was read and judged: who sends it can tell, and judges it again. Throws `MEZ_HOOK_FAILED` for what is no list
 * of names and values.
 */
export function forwardThrough(
  hook: HubCalls['http']['forward'],
): (lines: HeaderLines, context: ForwardContext) => HeaderLines {
  return (lines, context) => {
    if (hook.empty) return lines
    const made: unknown = hook(Object.freeze([...lines]), context)
    if (!Array.isArray(made) || made.length % 2 !== 0 || !made.every((text) => typeof text === 'string'))
      throw new MezError(
        'MEZ_HOOK_FAILED',
        "a plugin's answer to http.forward is no list of names and values",
      )
    return made
  }
}
