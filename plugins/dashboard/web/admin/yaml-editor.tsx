import { useEffect, useRef } from 'preact/hooks'
import type { Editor } from './code-mirror.ts'

/** A fault at a range of characters. */
export interface Mark {
  readonly from: number
  readonly to: number
  readonly message: string
}

/**
 * A text editor for YAML with completion by a JSON Schema. The editor is loaded when it is needed; until then, and if that
 * fails, a plain text field takes its place.
 */
export function YamlEditor(props: {
  readonly label: string
  readonly text: string
  readonly schema: object | undefined
  readonly marks: readonly Mark[]
  /** Path of keys to show first, such as `allow.app_labels.env`. */
  readonly at: string | null
  onChange(text: string): void
}) {
  const { label, text, schema, marks, at, onChange } = props
  const host = useRef<HTMLDivElement>(null)
  const editor = useRef<Editor | null>(null)
  const latest = useRef(props)
  latest.current = props

  useEffect(() => {
    let closed = false
    void import('./code-mirror.ts').then(({ createEditor }) => {
      if (closed || !host.current) return
      editor.current = createEditor(host.current, {
        label,
        text: latest.current.text,
        schema: () => latest.current.schema,
        onChange: (changed) => latest.current.onChange(changed),
      })
      if (at !== null) editor.current.reveal(at)
    })
    return () => {
      closed = true
      editor.current?.close()
      editor.current = null
    }
  }, [])
  useEffect(() => editor.current?.setText(text), [text])
  useEffect(() => editor.current?.setMarks(marks), [marks, schema])

  return (
    <div ref={host} class="code-editor">
      <textarea
        aria-label={label}
        value={text}
        spellcheck={false}
        rows={20}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
    </div>
  )
}
