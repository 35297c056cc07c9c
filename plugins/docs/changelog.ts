import type { Page } from './contents.ts'

const OF_AUTHORS = /^- (?:Plugin authors|Authors of )/

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

/** One section of the changelog as a page, with the changes for authors of plugins apart. */
export function changesOf(changelog: string, heading: string): string {
  const section = changelog.split(/^## /m).find((one) => one.startsWith(`${heading}\n`)) ?? ''
  const [entries = '', commits = ''] = section.slice(heading.length).split(/^Commits:$/m)
  const all = entries.trim().split(/^(?=- )/m)
  const parts = [
    ['For people and operators', all.filter((one) => !OF_AUTHORS.test(one)).join('')],
    ['For authors of plugins', all.filter((one) => OF_AUTHORS.test(one)).join('')],
    ['Commits', commits],
  ] as const
  const date = /\((.+)\)$/.exec(heading)?.[1]
  return [
    `# ${titleOf(versionOf(heading))}`,
    date === undefined ? 'Changes since the last release.' : `Released on ${date}.`,
    ...parts.filter(([, text]) => text.trim() !== '').map(([part, text]) => `## ${part}\n\n${text.trim()}`),
    '',
  ].join('\n\n')
}
