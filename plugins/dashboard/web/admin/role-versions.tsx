import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { Time } from './parts.tsx'
import { a } from './text.ts'

type Version = Responses['GET /roles/{name}/versions'][number]

/** The versions of a role before the one in force. To use one fills the editor, which shows its effect before it is saved. */
export function RoleVersions(props: {
  readonly name: string
  readonly onUse: (document: Version['document']) => void
}) {
  const { name, onUse } = props
  const found = useResource<readonly Version[]>(`/roles/${encodeURIComponent(name)}/versions`, ['role'])
  const earlier = found.data?.slice(1) ?? []
  if (earlier.length === 0) return null
  return (
    <details class="changes versions">
      <summary>{a('earlierVersions', { count: earlier.length })}</summary>
      <ul>
        {earlier.map(({ version, saved, saved_by, document }) => (
          <li key={version}>
            <span>
              {saved === null ? a('fromTheStart') : <Time at={saved} />} <span class="quiet">{saved_by}</span>
            </span>
            <button
              type="button"
              class="plain small"
              aria-label={a('useVersionOf', { version })}
              onClick={() => onUse(document)}
            >
              {a('useVersion')}
            </button>
          </li>
        ))}
      </ul>
    </details>
  )
}
