import { X509Certificate } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'

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
export function createIdentityStore(dataDir: string): {
  read(): Identity | null
  write(identity: Identity): void
} {
  const file = join(dataDir, 'identity.json')
  return {
    read() {
      try {
        const found = JSON.parse(readFileSync(file, 'utf8')) as Identity
        validity(found)
        return found
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
        throw error
      }
    },
    write(identity) {
      mkdirSync(dataDir, { recursive: true, mode: 0o700 })
      chmodSync(dataDir, 0o700)
      const temporary = `${file}.new`
      const handle = openSync(temporary, 'w', 0o600)
      try {
        writeSync(handle, JSON.stringify(identity))
        fsyncSync(handle)
      } finally {
        closeSync(handle)
      }
      renameSync(temporary, file)
    },
  }
}
