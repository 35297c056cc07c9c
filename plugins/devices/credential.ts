import type { Catalog, Sessions } from '@mezite/core'
import type { Caller, Credential, CredentialRefusal, CredentialRequest } from '@mezite/core/identity'
import { inOwnHeader, inSharedHeader, type Presented } from './secret.ts'
import type { DeviceStore } from './store.ts'
import type { Uses } from './uses.ts'

const HEADER = 'mezite-device'

const UNKNOWN: Caller = { kind: 'refused', status: 401, code: 'device_unknown' }
const MISPLACED: Caller = { kind: 'refused', status: 401, code: 'device_misplaced' }

/**
 * Clients that send their password only when they are asked for one. For all others a browser would ask people for a password. It depends
 * on the request alone.
 */
const WAITS_FOR_CHALLENGE =
  /(?:^|[ (])(?:DAVx5|dataaccessd|accountsd|remindd|CalendarAgent|AddressBookSourceSync|Thunderbird|Evolution|GNOME-Online-Accounts|vdirsyncer|mirall|Nextcloud-(?:android|iOS))\b/i

/** The entries of `credentials` for the secrets of devices: `Mezite-Device`, and the password of `Authorization: Basic`. */
export function deviceCredentials(needs: {
  readonly sessions: Pick<Sessions, 'find'>
  readonly catalog: Pick<Catalog, 'byHost'>
  readonly store: Pick<DeviceStore, 'byId'>
  readonly uses: Uses
}): readonly Credential[] {
  const { sessions, catalog, store, uses } = needs

  function callerOf(presented: Presented, request: CredentialRequest): Caller | null | Promise<Caller> {
    if (presented === null) return null
    if (presented === 'misplaced') return MISPLACED
    if (presented === 'malformed') return UNKNOWN
    const { token } = presented
    const known = (session: Awaited<ReturnType<Sessions['find']>>): Caller => {
      if (session === undefined) return UNKNOWN
      const device = store.byId(session.id)
      // The gate refuses a request to another app, so it does not count as a use.
      if (device !== undefined && catalog.byHost(hostOf(request))?.id === device.app)
        uses.note(device, request.clientIp, request.userAgent ?? '')
      return { kind: 'device', token }
    }
    const found = sessions.find('device', token)
    return found instanceof Promise ? found.then(known) : known(found)
  }

  return [
    {
      name: 'device',
      from: 'header',
      at: 'app',
      headers: [HEADER],
      read: (value, request) => callerOf(inOwnHeader(value), request),
    },
    {
      name: 'device-basic',
      from: 'header',
      at: 'app',
      headers: ['authorization', 'mezite-token'],
      read: (value, request) => callerOf(inSharedHeader(value), request),
      challenge: ({ status, userAgent }: CredentialRefusal) =>
        status === 401 && WAITS_FOR_CHALLENGE.test(userAgent.slice(0, 512)) ? 'Basic realm="Mezite"' : null,
    },
  ]
}

const hostOf = ({ url }: CredentialRequest): string => URL.parse(url)?.hostname ?? ''
