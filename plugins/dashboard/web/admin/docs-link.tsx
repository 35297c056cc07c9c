import { place } from './router.ts'
import { a } from './text.ts'

/** Pages of the documentation by the first part of a path below the administration. */
const PAGES: Readonly<Record<string, string>> = {
  agents: 'understand/tunnel',
  apps: 'how-to/applications',
  cluster: 'how-to/several-hubs',
  locks: 'how-to/temporary-access',
  passkeys: 'how-to/passkeys',
  people: 'how-to/everyday',
  requests: 'look-up/audit-events',
  roles: 'how-to/roles',
  sessions: 'understand/sessions',
  'sign-in': 'how-to/sign-in-providers',
  tokens: 'how-to/programs',
  traffic: 'how-to/monitoring',
}

/** The page of the documentation about the current page, if the hub serves the documentation: then its navigation has it. */
export function DocsLink() {
  const served = document.querySelector('header nav a[href="/web/docs"]') !== null
  if (!served) return null
  const page = PAGES[place.value.path.split('/')[1] ?? '']
  return (
    <a class="docs-link" href={page === undefined ? '/web/docs' : `/web/docs/${page}`}>
      {a('docs')}
    </a>
  )
}
