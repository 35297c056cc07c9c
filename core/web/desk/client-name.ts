const LONGEST = 1_024

// Browsers name their ancestors as well, so the more specific names are first.
const BROWSERS: readonly (readonly [name: string, sign: RegExp])[] = [
  ['Edge', /\bEdgA?(?:iOS)?\//],
  ['Opera', /\bOPR\//],
  ['Samsung Internet', /\bSamsungBrowser\//],
  ['Firefox', /\b(?:Firefox|FxiOS)\//],
  ['Chrome', /\b(?:Chrome|Chromium|CriOS|HeadlessChrome)\//],
  ['Safari', /\bVersion\/[\d.]+.*\bSafari\//],
]
const SYSTEMS: readonly (readonly [name: string, sign: RegExp])[] = [
  ['iPhone', /\biPhone\b/],
  ['iPad', /\biPad\b/],
  ['Android', /\bAndroid\b/],
  ['ChromeOS', /\bCrOS\b/],
  ['Windows', /\bWindows NT\b/],
  ['macOS', /\bMac OS X\b/],
  ['Linux', /\bLinux\b/],
]

/**
 * Browser and system of a `User-Agent` header, such as "Firefox on Linux": only words of these lists, whatever the header
 * contains. Null if neither is known.
 */
export function clientName(userAgent: string | undefined): string | null {
  const text = (userAgent ?? '').slice(0, LONGEST)
  const [browser] = BROWSERS.find(([, sign]) => sign.test(text)) ?? []
  const [system] = SYSTEMS.find(([, sign]) => sign.test(text)) ?? []
  if (browser !== undefined && system !== undefined) return `${browser} on ${system}`
  return browser ?? system ?? null
}
