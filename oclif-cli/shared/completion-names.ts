import { join } from 'node:path'
import type { HubClient } from './hub-client.ts'
import { makePrivateFolder, readPrivateFile, writePrivateFile } from './private-file.ts'

const FRESH_MS = 60_000
/** A shell runs what it expands, so a name with any other character is not offered. */
const HARMLESS = /^[\w.@:+][\w.@:+-]*$/

/** A command whose class lists names for completion: `apps ls` those of apps. */
export interface NamingCommand {
  /** Names or ids; a function that takes no client needs no login. */
  readonly names?: (client: HubClient) => Promise<readonly string[]>
}

interface Kept {
  readonly from: string
  readonly at: number
  readonly names: readonly string[]
}

/**
 * The names of a kind that a shell may offer, at most a minute old. They are kept in `folder`, in a file that only its owner reads, and
 * count for the hub and the person that they came from. Any failure is an empty list, because a shell has no place for errors.
 */
export async function completionNames(
  { names }: NamingCommand,
  { kind, folder, hub }: { readonly kind: string; readonly folder: string; readonly hub: () => HubClient },
): Promise<readonly string[]> {
  try {
    if (names === undefined) return []
    if (names.length === 0) return await names(undefined as never)
    const client = hub()
    const from = client.endpoint.description
    const file = join(folder, `completion-${kind}.json`)
    const kept = readKept(file)
    const age = Date.now() - (kept?.at ?? 0)
    if (kept?.from === from && age >= 0 && age < FRESH_MS) return kept.names
    const found = (await names(client)).filter((name) => HARMLESS.test(name))
    makePrivateFolder(folder)
    writePrivateFile(file, JSON.stringify({ from, at: Date.now(), names: found } satisfies Kept))
    return found
  } catch {
    return []
  }
}

function readKept(file: string): Kept | null {
  try {
    return JSON.parse(readPrivateFile(file) ?? 'null')
  } catch {
    return null
  }
}
