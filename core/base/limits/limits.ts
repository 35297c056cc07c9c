import type { ProxyLimits } from '../../api/proxy-limits.ts'
import { checkConfig } from '../../kernel/config-check.ts'
import { type LimitsFile, limitsSchema } from './limits-schema.ts'

/** `connections_per_address` as `connectionsPerAddress`, and `header_timeout` as `headerMs`. */
type Name<Key extends string> = Key extends `${infer Head}_timeout`
  ? `${Head}Ms`
  : Key extends `${infer Head}_${infer Rest}`
    ? `${Head}${Capitalize<Name<Rest>>}`
    : Key
type Named = { readonly [Key in keyof LimitsFile as Name<Key>]: LimitsFile[Key] }

const nameOf = (key: string): string =>
  key.replace(/_timeout$/, 'Ms').replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase())

/** `proxy.limits` under the names of the contract; calls `problem` for each limit that another one makes impossible. */
export function completeLimits(
  read: LimitsFile,
  problem: (key: string, message: string) => void = () => {},
): ProxyLimits {
  if (read.uri_bytes > read.header_bytes) problem('uri_bytes', 'must not be more than header_bytes')
  if (read.header_timeout > read.request_timeout)
    problem('header_timeout', 'must not be longer than request_timeout')
  return Object.fromEntries(Object.entries(read).map(([key, limit]) => [nameOf(key), limit])) as Named
}

/** The default limits. */
export const defaultLimits: ProxyLimits = completeLimits(checkConfig(limitsSchema, {}).value as LimitsFile)
