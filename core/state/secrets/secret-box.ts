import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { SecretBox, SecretPlace } from '../../api/secret-box.ts'
import { MezError } from '../../kernel/error.ts'

/** First byte of all sealed data, so that the format can change later. */
const FORM = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Encrypts with one key of 32 bytes. Sealed data is form, nonce, tag, ciphertext. */
export function createSecretBox(key: Buffer): SecretBox {
  return {
    exportKey: () => Buffer.from(key),
    seal(place, plaintext) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      cipher.setAAD(boundTo(place))
      const body = Buffer.concat([cipher.update(plaintext), cipher.final()])
      return Buffer.concat([Buffer.of(FORM), nonce, cipher.getAuthTag(), body])
    },
    open(place, sealed) {
      try {
        const bytes = Buffer.from(sealed)
        if (bytes[0] !== FORM) throw new Error('unknown form')
        const nonce = bytes.subarray(1, 1 + NONCE_BYTES)
        const tag = bytes.subarray(1 + NONCE_BYTES, 1 + NONCE_BYTES + TAG_BYTES)
        const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
        decipher.setAAD(boundTo(place))
        // Throws when the data is too short to contain a tag.
        decipher.setAuthTag(tag)
        return Buffer.concat([decipher.update(bytes.subarray(1 + NONCE_BYTES + TAG_BYTES)), decipher.final()])
      } catch (cause) {
        const where = `${place.purpose} of ${place.table} ${place.id}`
        throw new MezError('MEZ_SECRET_UNREADABLE', `the ${where} cannot be decrypted`, { cause })
      }
    },
  }
}

/** JSON, so that two different places never have the same encoding. */
function boundTo({ table, id, purpose }: SecretPlace): Buffer {
  return Buffer.from(JSON.stringify(['mezite', table, id, purpose]))
}
