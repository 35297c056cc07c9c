import { drawings } from '@mezite/core/drawings'
import { Glyph } from '../app-icon.tsx'
import { docsPage } from '../docs.tsx'
import { place } from './router.ts'
import { a } from './text.ts'

/** Pages of the documentation by the path below the administration, or its first part. */
const PAGES: Readonly<Record<string, string>> = {
  '': 'how-to/everyday',
  agents: 'understand/tunnel',
  apps: 'look-up/app-document',
  cluster: 'how-to/several-hubs',
  locks: 'how-to/temporary-access',
  people: 'how-to/everyday',
  plugins: 'build/what-a-plugin-can-do',
  'plugins/access-requests': 'plugins/access-requests',
  'plugins/certificates': 'plugins/acme',
  'plugins/passkeys': 'how-to/passkeys',
  requests: 'look-up/audit-events',
  roles: 'how-to/roles',
  sessions: 'understand/sessions',
  'sign-in': 'how-to/sign-in-providers',
  tokens: 'how-to/programs',
}

/** A link to the page of the documentation about the current page. */
export function DocsLink() {
  const [, first = '', second = ''] = place.value.path.split('/')
  const href = docsPage(PAGES[`${first}/${second}`] ?? PAGES[first])
  return href === null ? null : (
    <a class="docs-link" href={href}>
      <Glyph path={drawings.book} />
      <span>{a('docs')}</span>
    </a>
  )
}
