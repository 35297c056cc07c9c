import { serviceRef } from '../kernel/reference.ts'

/** Where a secret is stored. It is authenticated with the ciphertext, so a moved secret cannot be decrypted. */
export interface SecretPlace {
  readonly table: string
  readonly id: string
  readonly purpose: string
}

/** Encrypts secrets in the database: AES-256-GCM with the hub's encryption key. */
export interface SecretBox {
  seal(place: SecretPlace, plaintext: Buffer): Buffer
  /** Throws `MEZ_SECRET_UNREADABLE` when key, place or bytes do not match. */
  open(place: SecretPlace, sealed: Buffer): Buffer
  /** The encryption key itself, 32 bytes: for an encrypted backup of the cluster alone. */
  exportKey(): Buffer
}

/** Encrypts secrets at rest. */
export const secretBox = serviceRef<SecretBox>('secretBox')
