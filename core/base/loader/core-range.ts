import { version } from './runtime-check.ts'

/**
 * Why the range that a package gives for its peer `@mezite/core` does not contain this core, or null. A pre-release of a
 * version in the range fits.
 */
export async function coreRangeFault(range: unknown): Promise<string | null> {
  const own = await version()
  // Loaded here, because most programs load no package of a third party.
  const { satisfies, validRange } = (await import('semver')).default
  if (typeof range !== 'string' || validRange(range) === null)
    return `has a range of its peer @mezite/core that cannot be read: ${JSON.stringify(range)}`
  if (own === 'unknown' || satisfies(own, range, { includePrerelease: true })) return null
  return `is written for @mezite/core ${range}, this program has ${own}`
}
