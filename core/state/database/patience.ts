/** How long a statement of a command that copies a whole database may take, in milliseconds. */
export const COPYING_MS = 3_600_000
