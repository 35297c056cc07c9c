import type { HomeLink } from '../../api/sign-in.ts'

/** An entry of the navigation of one person. */
export interface ShownLink {
  readonly title: string
  readonly href: string
  /** What waits there for the person. */
  readonly count: number
}

/** The entries that a person sees. An entry that throws is left out. */
export function linksOf(
  links: readonly HomeLink[],
  person: { readonly user: string; readonly roles: readonly string[] },
): readonly ShownLink[] {
  return links.flatMap((link) => {
    if (link.role !== undefined && !person.roles.includes(link.role)) return []
    const count = countOf(link, person)
    return count === null ? [] : [{ title: link.title, href: link.href, count }]
  })
}

function countOf(link: HomeLink, person: Parameters<NonNullable<HomeLink['count']>>[0]): number | null {
  try {
    return link.count?.(person) ?? (link.count ? null : 0)
  } catch {
    return null
  }
}
