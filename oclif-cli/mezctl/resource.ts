/** A resource document as the hub answers it: parts of it may be missing or of another version. */
export interface Resource {
  readonly kind?: string
  readonly metadata?: {
    readonly name?: string
    readonly description?: string | null
    readonly labels?: Readonly<Record<string, unknown>>
    readonly expires?: string | null
  }
  readonly spec?: Readonly<Record<string, unknown>>
  readonly status?: Readonly<Record<string, unknown>>
}

/** What has no document: an agent, a session, a lock, a token. */
export type Flat = Readonly<Record<string, unknown>>

/** A list in the hub's answer; anything else counts as none. */
export function listOf<T = Flat>(answer: unknown): readonly T[] {
  return Array.isArray(answer) ? answer : []
}

/** The resource in `{resource, created}`, or the answer itself. */
export function resourceOf(answer: unknown): Resource {
  const { resource } = (answer ?? {}) as { resource?: Resource }
  return resource ?? ((answer ?? {}) as Resource)
}

/** A user may come as a document or flat. */
export function nameOf(thing: Resource | Flat): string {
  const { metadata, name } = thing as Resource & Flat
  return String(metadata?.name ?? name ?? '')
}
