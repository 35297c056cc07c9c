import { catalog, dashboardParts, defineHubPlugin, LABEL_KEY, Type } from '@mezite/core'

/** Shows operators who owns each app, by a label: a page with all owners, and a panel on the page of each app. */
export default defineHubPlugin({
  name: 'app-owners',
  api: 1,
  summary: 'Shows in the dashboard who owns each app',
  config: Type.Object({ label: Type.String({ pattern: LABEL_KEY }) }, { additionalProperties: false }),
  needs: { catalog },
  provides: { dashboardParts },
  setup({ config: { label }, use, provide }) {
    provide.dashboardParts({
      kind: 'page',
      path: 'app-owners',
      title: 'Owners',
      content: async () => [
        {
          kind: 'table',
          title: 'Owners of applications',
          columns: ['Application', 'Owner'],
          rows: use.catalog
            .list()
            .map(({ name, labels }) => [
              { text: name, href: `/web/admin/apps/${name}` },
              labels[label] ?? null,
            ]),
          empty: 'There are no applications yet.',
        },
      ],
    })
    provide.dashboardParts({
      kind: 'panel',
      title: 'Owner',
      content: async ({ labels }) => [{ kind: 'facts', facts: { Owner: labels[label] ?? null } }],
    })
  },
})
