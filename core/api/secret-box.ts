import { serviceRef } from '../kernel/reference.ts'

/** Where a secret stands; part of the ciphertext's authentication, so it opens nowhere else. */
export interface SecretPlace {
  readonly table: string
  readonly id: string
  readonly purpose: string
}

/** Encrypts what the database keeps: AES-256-GCM under the hub's encryption key. */
export interface SecretBox {
  seal(place: SecretPlace, plaintext: Buffer): Buffer
  /** Throws `MEZ_SECRET_UNREADABLE` when key, place or bytes do not fit. */
  open(place: SecretPlace, sealed: Buffer): Buffer
}

/** Encrypts secrets at rest. */
export const secretBox = serviceRef<SecretBox>('secretBox')
