import { join } from 'node:path'
import { CliError, makePrivateFolder, showCell, showYaml, writePrivateFile } from '@mezite/cli'
import { mshHome, PersonCommand } from '@mezite/cli/identity'
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { listApps, noSuchApp } from '../app-lookup.ts'
import { createAppTokens } from '../app-tokens.ts'

const API = 'client.authentication.k8s.io/v1'

export class KubeConfig extends PersonCommand {
  static override summary = 'Write a kubeconfig for an app that is the API server of a Kubernetes cluster'
  static override description =
    'kubectl then asks msh for a short-lived token (an exec plugin), as long as your login lasts. Nothing secret is in the file, and no other kubeconfig is changed.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> k8s',
    'KUBECONFIG=~/.msh/kube/k8s.yaml kubectl get pods',
    '<%= config.bin %> <%= command.id %> k8s --out -',
  ]
  static override args = { app: Args.string({ required: true, description: 'Name of an HTTP app' }) }
  static override flags = {
    out: Flags.string({
      description: 'File to write, or - for the output; default: ~/.msh/kube/APP.yaml',
      helpValue: 'FILE',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(KubeConfig)
    const { proxy, user, ca } = this.identity(flags)
    const app = (await listApps(this.hub(flags))).find(({ name }) => name === args.app)
    if (!app?.url) throw noSuchApp(args.app, 'a web application')
    const { MSH_HOME } = process.env
    const name = `${args.app}@${proxy.name}`
    const document = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': name,
      clusters: [
        {
          name,
          cluster: {
            server: new URL(app.url).origin,
            ...(ca !== null && { 'certificate-authority-data': Buffer.from(ca).toString('base64') }),
          },
        },
      ],
      contexts: [{ name, context: { cluster: name, user: name } }],
      users: [
        {
          name,
          user: {
            exec: {
              apiVersion: API,
              command: 'msh',
              args: ['kube', 'credential', args.app, '--proxy', proxy.name],
              ...(MSH_HOME && { env: [{ name: 'MSH_HOME', value: MSH_HOME }] }),
              interactiveMode: 'Never',
              provideClusterInfo: false,
              installHint: 'Install msh, and sign in with msh login.',
            },
          },
        },
      ],
    }
    const config = await showYaml(document)
    if (flags.out === '-') return this.write(config.trimEnd())
    const folder = join(mshHome(), 'kube')
    if (flags.out === undefined) makePrivateFolder(folder)
    const file = flags.out ?? join(folder, `${args.app}.yaml`)
    writePrivateFile(file, config)
    const shown = { app: args.app, user, context: name, file }
    await this.show(flags, shown, () => `Wrote ${showCell(file)}. Use it with KUBECONFIG=${showCell(file)}.`)
  }
}

export class KubeCredential extends PersonCommand {
  static override summary = 'Give kubectl a token for an app (the exec plugin of msh kube config)'
  static override examples = ['<%= config.bin %> <%= command.id %> cluster']
  static override args = { app: Args.string({ required: true, description: 'Name of an HTTP app' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(KubeCredential)
    const wanted = requestedVersion(process.env.KUBERNETES_EXEC_INFO)
    const { token, expires } = await createAppTokens(this.identity(flags), this.hub(flags)).of(args.app)
    const status = { token, expirationTimestamp: expires }
    this.write(JSON.stringify({ apiVersion: wanted, kind: 'ExecCredential', status }))
  }
}

/** The version in which kubectl wants the answer (KEP-541). Throws `MEZ_USAGE_WRONG` for one that msh does not know. */
function requestedVersion(info: string | undefined): string {
  if (info === undefined) return API
  let version: unknown
  try {
    version = (JSON.parse(info) as { apiVersion?: unknown }).apiVersion
  } catch {
    version = undefined
  }
  if (version === API || version === `${API}beta1`) return version
  throw new CliError('MEZ_USAGE_WRONG', `KUBERNETES_EXEC_INFO does not ask for ${API}`, {
    hint: 'Write the kubeconfig again with msh kube config.',
  })
}
