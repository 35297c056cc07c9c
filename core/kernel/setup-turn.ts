/** One call of the `setup` of a plugin. */
export interface SetupTurn {
  readonly plugin: string
}

let current: SetupTurn | null = null

/**
 * The `setup` that runs now; null outside of one. Setups are synchronous, so there is at most one in a process, also with several
 * kernels. A service that all plugins share learns from it which one calls.
 */
export const setupTurn = (): SetupTurn | null => current

/** Runs the `setup` of a plugin, or of a room that is like one. */
export function duringSetup<T>(plugin: string, setup: () => T): T {
  const outer = current
  current = { plugin }
  try {
    return setup()
  } finally {
    current = outer
  }
}
