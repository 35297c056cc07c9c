import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** Secret scanners look for this prefix. */
export const PREFIX = 'mezite_bot_'
const SECRET = /^mezite_bot_[A-Za-z0-9_-]{43}$/

/** A new secret of 256 random bits. */
export const newSecret = (): string => PREFIX + randomBytes(32).toString('base64url')

/** The stored form of a secret: its SHA-256, base64url. */
export const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('base64url')

/** Compares in constant time. False if the bot has no secret. */
export function isSecret(secret: string, stored: string | null): boolean {
  if (stored === null || !SECRET.test(secret)) return false
  const [given, wanted] = [Buffer.from(hashSecret(secret)), Buffer.from(stored)]
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}
