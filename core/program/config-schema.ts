import { loadPlugins } from '../base/loader/plugin-loader.ts'
import { hubSchema } from '../hub/config/hub-schema.ts'
import { standardPlugins } from '../hub/config/standard-plugins.ts'

export interface ConfigSchemaOptions {
  /** `plugins:` of a configuration, whose schemas are included in addition to those of the standard set. */
  readonly plugins?: Readonly<Record<string, unknown>>
  /** Folder of that configuration. Default: the working directory. */
  readonly folder?: string
  readonly standard?: readonly string[]
}

/** The JSON Schema of mezhub.yaml with the schemas of all plugins that load, for editors and people. */
export async function configSchema(options: ConfigSchemaOptions = {}): Promise<object> {
  const loaded = await loadPlugins({
    side: 'hub',
    standard: options.standard ?? standardPlugins,
    plugins: options.plugins ?? {},
    folder: options.folder ?? process.cwd(),
    program: import.meta.dirname,
  })
  const slices = loaded.map(({ key, plugin }) => {
    const slice = plugin.config ?? { type: 'object', additionalProperties: false }
    return [key, { description: plugin.summary, anyOf: [asWritten(slice), { const: false }] }]
  })
  const { properties, ...hub } = asWritten(hubSchema as unknown as Schema)
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'mezhub.yaml',
    ...hub,
    properties: {
      ...properties,
      plugins: { ...properties?.plugins, properties: Object.fromEntries(slices) },
    },
  }
}

interface Schema {
  readonly default?: unknown
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
}

/** Makes keys with a default optional: they may be missing in the file, although whoever declares them receives them. */
function asWritten({ required = [], properties, ...rest }: Schema): Schema {
  if (properties === undefined) return rest
  const left = required.filter((key) => properties[key]?.default === undefined)
  const inner = Object.entries(properties).map(([key, one]) => [key, asWritten(one)])
  return { ...rest, properties: Object.fromEntries(inner), ...(left.length > 0 && { required: left }) }
}
