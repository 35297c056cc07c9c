import type { CDPSession, Page } from 'playwright-core'

/** A security key that Chromium simulates in one page; it verifies its user until told otherwise. */
export interface VirtualKey {
  readonly cdp: CDPSession
  readonly id: string
  setUserVerified(isUserVerified: boolean): Promise<void>
  credentials(): Promise<{ credentialId: string; signCount: number; rpId?: string }[]>
  /** The same key in another page: what it holds goes along. */
  copyTo(page: Page): Promise<VirtualKey>
  remove(): Promise<void>
}

const OPTIONS = {
  protocol: 'ctap2',
  transport: 'internal',
  hasResidentKey: true,
  hasUserVerification: true,
  isUserVerified: true,
  automaticPresenceSimulation: true,
} as const

/**
 * Plugs a virtual key into the page. `usb` keys can be used beside an internal one. `rpIds` are the relying parties of its credentials
 * by their ids, because Chromium does not say that of a credential that was added to a key.
 */
export async function plugIn(
  page: Page,
  transport: 'internal' | 'usb' = 'internal',
  rpIds: ReadonlyMap<string, string> = new Map(),
): Promise<VirtualKey> {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  const { authenticatorId: id } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { ...OPTIONS, transport },
  })
  const credentials = async () => {
    const { credentials } = await cdp.send('WebAuthn.getCredentials', { authenticatorId: id })
    return credentials.map((one) => ({ ...one, rpId: one.rpId ?? rpIds.get(one.credentialId) ?? '' }))
  }
  return {
    cdp,
    id,
    credentials,
    async setUserVerified(isUserVerified) {
      await cdp.send('WebAuthn.setUserVerified', { authenticatorId: id, isUserVerified })
    },
    async copyTo(other) {
      const own = await credentials()
      const copy = await plugIn(other, transport, new Map(own.map((one) => [one.credentialId, one.rpId])))
      for (const credential of own)
        await copy.cdp.send('WebAuthn.addCredential', { authenticatorId: copy.id, credential })
      return copy
    },
    async remove() {
      await cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: id })
    },
  }
}
