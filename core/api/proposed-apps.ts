import type { ProposedApp } from './app-sources.ts'
import { DNS_LABEL, LABEL_KEY } from './resource.ts'

/** The most apps that an agent can propose. */
export const MOST_PROPOSED = 100
/** The longest message with proposals; that of the control stream is a little longer. */
export const PROPOSALS_BYTES = 60 * 1024
/** How often an agent may send its proposals to a hub. A hub ignores more than that. */
export const PROPOSALS_PER_MINUTE = 12

const MOST_LABELS = 20
const NAME = new RegExp(`^${DNS_LABEL}$`)
const KEY = new RegExp(LABEL_KEY)
const URI = /^[\x21-\x7e]{1,512}$/
const PROTOCOL = /^[a-z0-9][a-z0-9-]{0,62}$/
const TEXT = /^[^\p{Cc}\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069]{0,256}$/u

/** Reads one proposal of a message or of a plugin; null if a member is missing or not valid. Copies only known members. */
export function readProposedApp(value: unknown): ProposedApp | null {
  const { name, uri, protocol, labels, description } = Object(value) as Record<string, unknown>
  if (!fits(name, NAME) || !fits(uri, URI)) return null
  if (protocol !== undefined && !fits(protocol, PROTOCOL)) return null
  if (description !== undefined && !fits(description, TEXT)) return null
  const read = labels === undefined ? {} : readLabels(labels)
  if (read === null) return null
  return {
    name,
    uri,
    ...(protocol === undefined ? {} : { protocol }),
    ...(labels === undefined ? {} : { labels: read }),
    ...(description === undefined ? {} : { description }),
  }
}

/** Reads the proposals of a message: at most 100, the first of each name, without those that are not valid. */
export function readProposedApps(value: unknown): readonly ProposedApp[] {
  if (!Array.isArray(value)) return []
  const apps = new Map<string, ProposedApp>()
  for (const one of value.slice(0, MOST_PROPOSED)) {
    const app = readProposedApp(one)
    if (app !== null && !apps.has(app.name)) apps.set(app.name, app)
  }
  return [...apps.values()]
}

function readLabels(value: unknown): Readonly<Record<string, string>> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const entries = Object.entries(value)
  if (entries.length > MOST_LABELS) return null
  return entries.every(([key, text]) => KEY.test(key) && fits(text, TEXT))
    ? Object.fromEntries(entries)
    : null
}

const fits = (value: unknown, pattern: RegExp): value is string =>
  typeof value === 'string' && pattern.test(value)
