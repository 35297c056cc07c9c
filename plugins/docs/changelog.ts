import type { Page } from './contents.ts'

/** The pages about changes, newest first: one for each heading of the changelog. */
export function changePages(changelog: string): readonly Page[] {
  return [...changelog.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => {
    const version = versionOf(heading)
    return {
      name: `changes/${version ?? 'next'}`,
      title: titleOf(version),
      source: 'CHANGELOG.md',
      section: heading,
    }
  })
}

const versionOf = (heading: string): string | undefined => /^\d\S*/.exec(heading)?.[0]
const titleOf = (version: string | undefined) =>
  version === undefined ? 'The next version' : `Version ${version}`

/** One section of the changelog as a page: its headings, one level up. */
export function changesOf(changelog: string, heading: string): string {
  const section = changelog.split(/^## /m).find((one) => one.startsWith(`${heading}\n`)) ?? ''
  const date = /\((.+)\)$/.exec(heading)?.[1]
  return [
    `# ${titleOf(versionOf(heading))}`,
    date === undefined ? 'Changes since the last release.' : `Released on ${date}.`,
    section
      .slice(heading.length)
      .trim()
      .replaceAll(/^###(?=#* )/gm, '##'),
  ].join('\n\n')
}
