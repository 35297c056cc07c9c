/** What a person chose in this browser for the launcher. Without storage, nothing is remembered. */
export interface Preferences {
  /** Names of apps in the person's own order. */
  readonly favourites: readonly string[]
  /** Titles of groups that are folded. */
  readonly folded: readonly string[]
  /** Null: not chosen. */
  readonly compact: boolean | null
}

const keyOf = (user: string): string => `mezite.launcher.${user}`
const texts = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []

export function readPreferences(user: string): Preferences {
  try {
    const stored = Object(JSON.parse(localStorage.getItem(keyOf(user)) ?? '{}')) as Record<string, unknown>
    return {
      favourites: texts(stored.favourites),
      folded: texts(stored.folded),
      compact: typeof stored.compact === 'boolean' ? stored.compact : null,
    }
  } catch {
    return { favourites: [], folded: [], compact: null }
  }
}

export function writePreferences(user: string, preferences: Preferences): void {
  try {
    localStorage.setItem(keyOf(user), JSON.stringify(preferences))
  } catch {}
}

/** The list with the name in it or, if it was there, without it. */
export const toggled = (names: readonly string[], name: string): readonly string[] =>
  names.includes(name) ? names.filter((one) => one !== name) : [...names, name]

/** The list with a name moved to the place of another. */
export function moved(names: readonly string[], name: string, to: string): readonly string[] {
  const at = names.indexOf(to)
  const rest = names.filter((one) => one !== name)
  return at < 0 || !names.includes(name) ? names : rest.toSpliced(at, 0, name)
}
