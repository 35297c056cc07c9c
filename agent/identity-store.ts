import { X509Certificate } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { MezError, messageOf } from '@mezite/core/agent'

/** Who this agent is to its cluster. */
export interface Identity {
  readonly hostname: string
  readonly clusterName: string
  /** PEM, PKCS #8. */
  readonly key: string
  /** PEM. */
  readonly certificate: string
  readonly hubCa: readonly string[]
}

/** Milliseconds since the epoch between which the certificate of an identity is valid. */
export function validity(identity: Identity): { readonly from: number; readonly to: number } {
  const { validFrom, validTo } = new X509Certificate(identity.certificate)
  return { from: Date.parse(validFrom), to: Date.parse(validTo) }
}

/** Keeps the identity in one file, so that key and certificate can never disagree. */
export interface IdentityStore {
  /** Null: there is none. Throws `MEZ_IDENTITY_UNREADABLE`. */
  read(): Identity | null
  /** Throws `MEZ_DATA_DIR_UNWRITABLE` when `write` would fail. Called before a one-use token is spent. */
  prepare(): void
  /** Whole or not at all, also after a power cut. */
  write(identity: Identity): void
}

/** The store in the data directory of an agent. */
export function createIdentityStore(dataDir: string): IdentityStore {
  const file = join(dataDir, 'identity.json')
  const temporary = `${file}.new`
  return {
    read() {
      try {
        const found = JSON.parse(readFileSync(file, 'utf8')) as Identity
        validity(found)
        return found
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
        // Not the cause: a JSON error may quote the file, and so the key.
        const { code } = error as NodeJS.ErrnoException
        throw new MezError('MEZ_IDENTITY_UNREADABLE', `cannot read ${file}${code ? `: ${code}` : ''}`)
      }
    },
    prepare() {
      try {
        mkdirSync(dataDir, { recursive: true, mode: 0o700 })
        chmodSync(dataDir, 0o700)
        closeSync(openSync(temporary, 'w', 0o600))
      } catch (cause) {
        const what = `cannot write to the data directory ${dataDir}: ${messageOf(cause)}`
        throw new MezError('MEZ_DATA_DIR_UNWRITABLE', what, { cause })
      }
    },
    write(identity) {
      const handle = openSync(temporary, 'w', 0o600)
      try {
        writeFileSync(handle, JSON.stringify(identity))
        fsyncSync(handle)
      } finally {
        closeSync(handle)
      }
      renameSync(temporary, file)
    },
  }
}
