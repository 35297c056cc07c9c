/** `user alice` for a lock's target. */
export function targetText(target: unknown): string {
  return Object.entries((target ?? {}) as Record<string, unknown>)
    .filter(([, name]) => name !== null && name !== undefined)
    .map(([kind, name]) => `${kind} ${String(name)}`)
    .join(', ')
}
