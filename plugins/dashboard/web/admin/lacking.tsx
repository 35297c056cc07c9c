import type { Responses, Right } from '../api-types.ts'
import { useResource } from '../live.ts'
import { may } from './rights.tsx'
import { BASE } from './router.ts'
import { a } from './text.ts'

const NAMED = 5

/** What a page says that the person may not open: the right that it needs and, for people who may explain access, who has it. */
export function Lacking({ rights: [right] }: { readonly rights: readonly Right[] }) {
  const [kind = '', verb = ''] = right?.split('.') ?? []
  const user = document.querySelector<HTMLElement>('#admin')?.dataset.user ?? ''
  const query = new URLSearchParams({ user, kind, verb })
  const { data } = useResource<Responses['GET /access/explain-admin']>(
    right && may('access.read') ? `/access/explain-admin?${query}` : null,
    ['role', 'user'],
  )
  return (
    <section class="empty">
      <h1>{a('pageNeedsRight')}</h1>
      <p>
        {a('rightNeeded')} <code>{right}</code>
      </p>
      {data && (
        <p>
          {a('rightHeldBy', { count: data.holders_count })} {data.holders.slice(0, NAMED).join(', ')}
          {data.holders_count > NAMED && ', …'}
        </p>
      )}
      <a class="button" href={BASE}>
        {a('overview')}
      </a>
    </section>
  )
}
