import { createProfileStore, type Profile, type ProfileStore, programHome } from '@mezite/cli-shared'

/** A login of msh: besides the bearer token the key of this machine and its certificate, both PEM. */
export interface MshProfile extends Profile {
  readonly key: string
  readonly certificate: string
  readonly roles: readonly string[]
  readonly session_id: string | null
}

/** Where msh keeps its files: MSH_HOME or ~/.msh. */
export function mshHome(): string {
  return programHome('MSH_HOME', '.msh')
}

/** The logins, one for each hub. */
export function loginStore(): ProfileStore<MshProfile> {
  return createProfileStore<MshProfile>(mshHome(), ['key', 'certificate'])
}
