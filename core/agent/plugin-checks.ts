/** What plugins of the agent hand over, by reference: why it cannot be that, or null. */
export const agentPartChecks: Readonly<Record<string, (part: unknown) => string | null>> = {
  agentTransports(part) {
    const { name, dial } = Object(part) as Record<string, unknown>
    if (typeof name !== 'string' || name === '') return 'it has no name'
    return typeof dial === 'function' ? null : 'its dial is no function'
  },
}
