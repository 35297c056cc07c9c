import { Copyable } from './parts.tsx'
import { a } from './text.ts'

/** What the provider must know before the first sign-in. Administrators are on the sign-in host. */
export const RedirectUri = ({ name }: { readonly name: string }) => (
  <p class="help">
    {a('registerUri')} <Copyable text={`${location.origin}/v1/webapi/oidc/callback/${name}`} />
  </p>
)
