import { autocompletion, type CompletionContext } from '@codemirror/autocomplete'
import { yaml } from '@codemirror/lang-yaml'
import { lintGutter, setDiagnostics } from '@codemirror/lint'
import { EditorState } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import { basicSetup } from 'codemirror'
import type { Mark } from './yaml-editor.tsx'

/** An open editor. */
export interface Editor {
  setText(text: string): void
  setMarks(marks: readonly Mark[]): void
  /** Selects the line of a path of keys below `spec`. */
  reveal(path: string): void
  close(): void
}

interface Schema {
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly enum?: readonly unknown[]
}

const theme = EditorView.theme({
  '&': { fontSize: '0.9rem', backgroundColor: 'transparent' },
  '&.cm-focused': { outline: 'none' },
  '.cm-content': { fontFamily: 'ui-monospace, "DejaVu Sans Mono", monospace', caretColor: 'currentColor' },
  '.cm-cursor': { borderLeftColor: 'currentColor' },
  '.cm-gutters': { backgroundColor: 'transparent', borderRight: 'none', color: 'inherit', opacity: '0.75' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'rgb(128 128 128 / 10%)' },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': {
    backgroundColor: 'rgb(90 130 240 / 30%)',
  },
  '.cm-tooltip': { backgroundColor: 'Canvas', color: 'CanvasText', border: '1px solid GrayText' },
})

/**
 * Opens the editor in a shadow tree: there it brings its styles as constructed style sheets, which the policy of the page
 * allows, while it would put a style element into the page itself.
 */
export function createEditor(
  host: HTMLElement,
  options: {
    readonly label: string
    readonly text: string
    readonly schema: () => object | undefined
    onChange(text: string): void
  },
): Editor {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' })
  root.replaceChildren()
  const view = new EditorView({
    root,
    parent: root as unknown as Element,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        basicSetup,
        yaml(),
        theme,
        lintGutter(),
        autocompletion({
          override: [(context) => complete(context, options.schema() as Schema | undefined)],
        }),
        EditorView.contentAttributes.of({ 'aria-label': options.label }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) options.onChange(update.state.doc.toString())
        }),
      ],
    }),
  })
  return {
    setText(text) {
      const { doc } = view.state
      if (doc.toString() !== text) view.dispatch({ changes: { from: 0, to: doc.length, insert: text } })
    },
    setMarks(marks) {
      const most = view.state.doc.length
      const diagnostics = marks.map(({ from, to, message }) => ({
        from: Math.min(from, most),
        to: Math.min(to, most),
        severity: 'error' as const,
        message,
      }))
      view.dispatch(setDiagnostics(view.state, diagnostics))
    },
    reveal(path) {
      const line = lineOf(view.state, path.split('.'))
      if (line === null) return
      const { from, to } = view.state.doc.line(line)
      view.dispatch({
        selection: { anchor: from, head: to },
        effects: EditorView.scrollIntoView(from, { y: 'center' }),
      })
      view.focus()
    },
    close: () => view.destroy(),
  }
}

/** The first line with each key of the path, one below the other. */
function lineOf({ doc }: EditorState, path: readonly string[]): number | null {
  let at = 0
  let found: number | null = null
  for (let number = 1; number <= doc.lines && at < path.length; number++) {
    const key = /^\s*"?([^\s":]+(?:[^":]*[^\s":])?)"?:/.exec(doc.line(number).text)?.[1]
    if (key !== path[at]) continue
    found = number
    at += 1
  }
  return found
}

/** The keys that the schema has at the place of the cursor, found by the indentation of the lines above. */
function complete(context: CompletionContext, spec: Schema | undefined) {
  const line = context.state.doc.lineAt(context.pos)
  const before = line.text.slice(0, context.pos - line.from)
  const [, indent = '', typed = ''] = /^(\s*)([\w-]*)$/.exec(before) ?? []
  if (!spec || !/^\s*[\w-]*$/.test(before) || (typed === '' && !context.explicit)) return null
  const path: string[] = []
  let depth = indent.length
  for (let number = line.number - 1; number > 0 && depth > 0; number--) {
    const [, space = '', key] = /^(\s*)([\w-]+):\s*$/.exec(context.state.doc.line(number).text) ?? []
    if (key === undefined || space.length >= depth) continue
    path.unshift(key)
    depth = space.length
  }
  const root: Schema = {
    properties: { kind: {}, version: {}, metadata: { properties: { name: {}, description: {} } }, spec },
  }
  const found = path.reduce<Schema | undefined>((schema, key) => schema?.properties?.[key], root)
  const keys = Object.entries(found?.properties ?? {})
  if (keys.length === 0) return null
  return {
    from: context.pos - typed.length,
    options: keys.map(([label, { description, properties }]) => ({
      label,
      apply: properties ? `${label}:\n${' '.repeat(indent.length + 2)}` : `${label}: `,
      ...(description ? { info: description } : {}),
    })),
  }
}
