import { readFile } from 'node:fs/promises'
import { url as debuggerUrl } from 'node:inspector'

/**
 * Release lines of Node.js: the day on which security fixes end (https://nodejs.org/en/about/previous-releases), and the
 * first release without vulnerabilities that affect this program.
 */
const LINES: Readonly<Record<number, { readonly ends: string; readonly safeFrom?: string }>> = {
  24: { ends: '2028-04-30', safeFrom: '24.22.3' },
  25: { ends: '2026-06-01' },
  26: { ends: '2029-04-30' },
}

export interface Runtime {
  /** Of Node.js, such as `24.21.0`. */
  readonly version: string
  /** Milliseconds since the epoch. */
  readonly now: number
  /** URL at which a debugger can attach, if any. */
  readonly debuggerUrl: string | undefined
}

const thisRuntime = (): Runtime => ({
  version: process.versions.node,
  now: Date.now(),
  debuggerUrl: debuggerUrl(),
})

/**
 * Reasons not to run a gate on this Node.js: no more security fixes, known vulnerabilities, an open debugger. A release
 * line newer than this program counts as safe.
 */
export function runtimeProblems(runtime: Runtime = thisRuntime()): string[] {
  const { version, now } = runtime
  const { ends, safeFrom } = LINES[Number(version.split('.')[0])] ?? {}
  const problems: string[] = []
  if (ends !== undefined && now >= Date.parse(ends) + DAY_MS)
    problems.push(`Node.js ${version} has had no security fixes since ${ends}`)
  else if (safeFrom !== undefined && version.localeCompare(safeFrom, 'en', { numeric: true }) < 0)
    problems.push(`Node.js ${version} has known security holes, which ${safeFrom} closes`)
  if (runtime.debuggerUrl !== undefined)
    problems.push(
      `a debugger is open at ${runtime.debuggerUrl.replace(/\/[^/]*$/, '')}: any program that reaches it can read every secret of this process`,
    )
  return problems
}

const DAY_MS = 24 * 3_600_000

/** The version of this package, whether it runs from its sources or from dist. */
export async function version(): Promise<string> {
  for (const path of ['../../package.json', '../../../package.json']) {
    const text = await readFile(new URL(path, import.meta.url), 'utf8').catch(() => null)
    const manifest = text === null ? null : (JSON.parse(text) as { name?: string; version?: string })
    if (manifest?.name === '@mezite/core' && manifest.version) return manifest.version
  }
  return 'unknown'
}
