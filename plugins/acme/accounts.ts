import { AcmeProblem, type Authority, openAuthority } from './authority.ts'
import type { AcmeSettings } from './config.ts'
import { OrderFailure } from './order.ts'
import { renewalId } from './renewal.ts'
import type { Certificate, Store } from './store.ts'

/** The cluster's accounts, one with each directory, made when they are first needed. */
export function createAccounts(settings: AcmeSettings, store: Pick<Store, 'account' | 'keepAccount'>) {
  async function open(directory: string): Promise<Authority> {
    const kept = await store.account(directory)
    const { externalAccount, ca } = settings
    const account = (accountKey: string, accountUrl: string | null) =>
      openAuthority({ directory, accountKey, accountUrl, externalAccount, ca })
    if (kept?.url) return account(kept.key, kept.url)
    const { acme } = await account('', null)
    const key = kept?.key ?? (await acme.crypto.createPrivateEcdsaKey('P-256')).toString()
    // Before the account exists, so that it is not lost with this hub.
    if (!kept) await store.keepAccount(directory, key, null)
    const authority = await account(key, null)
    const { meta } = await authority.directory()
    if (meta?.externalAccountRequired && externalAccount === null)
      throw new OrderFailure('the authority demands external_account, which is not configured')
    await authority.client.createAccount({
      termsOfServiceAgreed: true,
      contact: [`mailto:${settings.email}`],
    })
    await store.keepAccount(directory, key, authority.client.getAccountUrl())
    return authority
  }

  /** An authority that has lost the account, as after its reset, gets a new one. */
  async function forget(directory: string, error: unknown): Promise<boolean> {
    if (!(error instanceof AcmeProblem) || error.type !== 'accountDoesNotExist') return false
    const kept = await store.account(directory)
    if (kept) await store.keepAccount(directory, kept.key, null)
    return kept !== null
  }

  return { open, forget }
}

/** Members of the order that depend on the authority. */
export async function membersOf(
  authority: Authority,
  { leaf, directory }: Pick<Certificate, 'leaf' | 'directory'>,
  at: string,
  profile: string | null,
): Promise<Readonly<Record<string, string>>> {
  const { meta, renewalInfo } = await authority.directory()
  const more: Record<string, string> = {}
  if (profile !== null && meta?.profiles) {
    if (!(profile in meta.profiles)) {
      const offered = Object.keys(meta.profiles).join(', ')
      throw new OrderFailure(`the authority does not offer the profile "${profile}", only: ${offered}`)
    }
    more.profile = profile
  }
  const id = leaf && directory === at && renewalInfo !== undefined ? await renewalId(leaf) : null
  if (id !== null) more.replaces = id
  return more
}
