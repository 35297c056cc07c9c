const MOST_PATHS = 20
const LONGEST = 200
/** Printable, without what starts a query, a fragment or an encoding, and without what servers read in different ways. */
const PATH = /^\/(?:[A-Za-z0-9._~!$&'()*+,=:@-]+(?:\/[A-Za-z0-9._~!$&'()*+,=:@-]+)*\/?)?$/

/** The paths that a person wrote, one a line; null if one of them is not valid. None means all. */
export function pathsIn(text: string): readonly string[] | null {
  const paths = [
    ...new Set(
      text
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== ''),
    ),
  ]
  const areValid = paths.every(
    (path) => path.length <= LONGEST && PATH.test(path) && !path.split('/').some((one) => /^\.+$/.test(one)),
  )
  return areValid && paths.length <= MOST_PATHS ? paths : null
}

const segmentsOf = (path: string) => path.split('/').filter((segment) => segment !== '')

/**
 * Whether a request is for one of the paths, or below one. `readings`: the segments in each way in which servers read the path; all must
 * be inside. Null: there is no request, or its path does not close.
 */
export function isInside(
  paths: readonly string[],
  readings: readonly (readonly string[])[] | null | undefined,
): boolean {
  if (readings == null || readings.length === 0) return false
  const roots = paths.map(segmentsOf)
  return readings.every((segments) =>
    roots.some((root) => root.every((segment, at) => segments[at] === segment)),
  )
}
