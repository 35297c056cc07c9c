import { MezError } from './error.ts'
import type { HookTree } from './hook.ts'
import { withKnownMembers } from './known-members.ts'
import type { PluginSide } from './plugin.ts'

/** Whose hooks a tree has. */
export interface TapViewOptions {
  readonly side?: PluginSide
  /** The hooks of the other half of plugins, for the error about a tap in the wrong one. */
  readonly otherHalf?: HookTree
}

type Taps = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** The `tap` of a plugin, by room and verb. Reading an unknown hook throws `MEZ_TAP_INVALID` with what to do instead. */
export function tapView(plugin: string, taps: Taps, { side = 'hub', otherHalf = {} }: TapViewOptions): Taps {
  const other = side === 'hub' ? 'agent' : 'hub'
  const unknown = (room: string, hook: string, known: readonly string[]) =>
    new MezError('MEZ_TAP_INVALID', `plugin '${plugin}' taps '${hook}', which the ${side} does not have`, {
      hint: Object.hasOwn(otherHalf, room)
        ? `It is a hook of the ${other}: tap it in the ${other} half of the plugin (${other}.ts).`
        : `The ${side} has ${known.join(', ')}.`,
    })
  const rooms = Object.entries(taps).map(([room, verbs]) => {
    const known = Object.keys(verbs).map((verb) => `${room}.${verb}`)
    return [room, withKnownMembers(verbs, (verb) => unknown(room, `${room}.${verb}`, known))] as const
  })
  return withKnownMembers(Object.fromEntries(rooms), (room) => unknown(room, room, Object.keys(taps)))
}
