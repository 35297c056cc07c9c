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

/** Plugs a virtual key into the page. `usb` keys can be used beside an internal one. */
export async function plugIn(page: Page, transport: 'internal' | 'usb' = 'internal'): Promise<VirtualKey> {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  const { authenticatorId: id } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { ...OPTIONS, transport },
  })
  const credentials = async () =>
    (await cdp.send('WebAuthn.getCredentials', { authenticatorId: id })).credentials
  return {
    cdp,
    id,
    credentials,
    async setUserVerified(isUserVerified) {
      await cdp.send('WebAuthn.setUserVerified', { authenticatorId: id, isUserVerified })
    },
    async copyTo(other) {
      const copy = await plugIn(other, transport)
      for (const credential of await credentials()) {
        await copy.cdp.send('WebAuthn.addCredential', { authenticatorId: copy.id, credential })
      }
      return copy
    },
    async remove() {
      await cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: id })
    },
  }
}
