import type { SecretBox } from '../../api/secret-box.ts'
import type { LoginState, SignInDesk } from '../../api/sign-in.ts'
import type { Clock } from '../../kernel/clock.ts'
import { safePath } from './return-target.ts'

const TTL_MS = 10 * 60_000
const MAX_SEALED = 12_000
const place = { table: 'sign_in', id: 'state', purpose: 'login-state' }

/** Seals return targets: encrypted, ten minutes, nothing stored. */
export function createLoginStates(secretBox: SecretBox, clock: Clock): Pick<SignInDesk, 'seal' | 'open'> {
  return {
    seal: ({ appHost, path, nonceHash }) => {
      const text = JSON.stringify([clock.now() + TTL_MS, appHost, safePath(path), nonceHash])
      return secretBox.seal(place, Buffer.from(text)).toString('base64url')
    },
    open: (sealed) => {
      if (sealed.length > MAX_SEALED || !/^[A-Za-z0-9_-]+$/.test(sealed)) return null
      try {
        const opened = secretBox.open(place, Buffer.from(sealed, 'base64url')).toString('utf8')
        const [expires, appHost, path, nonceHash] = JSON.parse(opened) as [number, string, string, string]
        return expires > clock.now() ? ({ appHost, path, nonceHash } satisfies LoginState) : null
      } catch {
        return null
      }
    },
  }
}
