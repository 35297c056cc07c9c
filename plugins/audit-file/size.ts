const UNITS = { KB: 1_000, MB: 1_000_000, GB: 1_000_000_000 }

/** What `parseSize` takes, as a pattern of JSON Schema. */
export const SIZE_PATTERN = '^[1-9][0-9]{0,5}(KB|MB|GB)$'

/** `100MB` in bytes; units are powers of 1,000. */
export function parseSize(text: string): number {
  return Number(text.slice(0, -2)) * UNITS[text.slice(-2) as keyof typeof UNITS]
}
