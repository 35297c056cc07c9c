import type Provider from 'oidc-provider'
import type { RecordRow } from './migrations.ts'

/** What a stored grant remembers of the consent, beside what the library stores. */
export interface Consent {
  readonly user: string
  /** `User.holder` at the consent: the next holder of the name gets nothing. */
  readonly holder: string | null
  /**
   * The session that stands for the consent: tokens depend on it. It opens no app itself, ends when the roles no longer
   * allow the sign-in, and has the requirements that were met.
   */
  readonly anchor: string
  /** The program as the person knows it. */
  readonly program: string
  /** The provider whose assertion stands for the person's consent; absent: the person consented. */
  readonly assertedBy?: string
}

/** The consent of a stored grant; undefined if it has none. */
export const consentOf = ({ payload }: Pick<RecordRow, 'payload'>): Consent | undefined =>
  (JSON.parse(payload) as { consent?: Consent }).consent

/** A grant of the library, to which a consent can be added. */
export type Grant = InstanceType<Provider['Grant']> & { consent?: Consent }
