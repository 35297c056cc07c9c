import { createPrivateKey, X509Certificate } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { MezError, messageOf } from '@mezite/core/agent'
import { type KeyRequest, makeKeyRequest } from './certificate-request.ts'

/** The identity of this agent in its cluster. */
export interface Identity {
  readonly hostname: string
  readonly clusterName: string
  /** PEM, PKCS #8. */
  readonly key: string
  /** PEM. */
  readonly certificate: string
  readonly hubCa: readonly string[]
}

/** The validity period of an identity's certificate, in milliseconds since the epoch. */
export function validity(identity: Identity): { readonly from: number; readonly to: number } {
  const { validFrom, validTo } = new X509Certificate(identity.certificate)
  return { from: Date.parse(validFrom), to: Date.parse(validTo) }
}

/** Stores the identity in one file, so that key and certificate always match. */
export interface IdentityStore {
  /** Null if there is no identity. Throws `MEZ_IDENTITY_UNREADABLE`. */
  read(): Identity | null
  /** Throws `MEZ_DATA_DIR_UNWRITABLE` if `write` would fail. Call it before using a one-use token. */
  prepare(): void
  /** The request to join with: the same after a restart until an identity is written. */
  joinRequest(hostname: string): Promise<KeyRequest>
  /** Writes atomically, even across a power cut. */
  write(identity: Identity): void
}

/** The store in the data directory of an agent. */
export function createIdentityStore(dataDir: string): IdentityStore {
  const file = join(dataDir, 'identity.json')
  const requestFile = join(dataDir, 'join-request.json')
  const temporary = `${file}.new`

  function writeAtomically(path: string, content: object): void {
    writeFileSync(temporary, JSON.stringify(content), { mode: 0o600, flush: true })
    renameSync(temporary, path)
    syncFolder(dataDir)
  }

  /** Null if no request for this host name was started, or its file is damaged: a new key can only be refused. */
  function startedRequest(hostname: string): KeyRequest | null {
    try {
      const found = JSON.parse(readFileSync(requestFile, 'utf8')) as Partial<
        KeyRequest & { hostname: string }
      >
      const { key, csr } = found
      return found.hostname === hostname && typeof csr === 'string' && key && createPrivateKey(key)
        ? { key, csr }
        : null
    } catch {
      return null
    }
  }

  return {
    read() {
      try {
        const found = JSON.parse(readFileSync(file, 'utf8')) as Identity
        validity(found)
        return found
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
        // Without the cause: a JSON error may quote the file, including the key.
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
    async joinRequest(hostname) {
      const started = startedRequest(hostname)
      if (started) return started
      const request = await makeKeyRequest(hostname)
      writeAtomically(requestFile, { hostname, ...request })
      return request
    },
    write(identity) {
      writeAtomically(file, identity)
      rmSync(requestFile, { force: true })
    },
  }
}

/** A power cut must not bring back the file of before: the hub refuses the old certificate once the new one was used. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } catch {
    // Not every file system can, and the file itself is stored.
  } finally {
    closeSync(folder)
  }
}
