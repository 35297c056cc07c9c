/** How servers read a path, written after their sources and documentation, and apart from what the hub does. */

interface Server {
  readonly name: string
  /** The segments that routes of the server see; null: the server refuses the path. */
  read(path: string): readonly string[] | null
}

const whole = (text: string): string | null => {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** Resolves dot segments of a text as a stack of segments. */
function cleaned(text: string, merges: boolean): string[] {
  const stack: string[] = []
  const parts = text.split('/').slice(1)
  parts.forEach((part, at) => {
    const last = at === parts.length - 1
    if (part === '..') stack.pop()
    else if (part !== '.' && (part !== '' || last || !merges)) stack.push(part)
    if (last && (part === '.' || part === '..')) stack.push('')
  })
  return stack
}

/** Merges runs of slashes, then resolves. */
const mergedFirst = (text: string): string[] => cleaned(text.replace(/\/{2,}/g, '/'), false)

export const SERVERS: readonly Server[] = [
  {
    // ngx_http_parse_complex_uri decodes while it merges slashes and resolves dot segments.
    name: 'nginx',
    read(path) {
      const text = whole(path)
      return text === null ? null : mergedFirst(text)
    },
  },
  {
    // AllowEncodedSlashes NoDecode: %2F stays in its segment.
    name: 'Apache',
    read(path) {
      const parts = path.split('/').map(whole)
      if (parts.some((part) => part === null)) return null
      const texts = (parts as string[]).slice(1)
      const kept: string[] = []
      texts
        .filter((part, at) => part !== '' || at === texts.length - 1)
        .forEach((part, at, all) => {
          if (part === '..') kept.pop()
          else if (part !== '.') kept.push(part)
          if (at === all.length - 1 && (part === '.' || part === '..')) kept.push('')
        })
      return kept
    },
  },
  {
    // CoyoteAdapter cuts parameters off, decodes (encodedSolidusHandling=decode), and then normalises.
    name: 'Tomcat',
    read(path) {
      const text = whole(path.replace(/;[^/]*/g, ''))
      return text === null ? null : mergedFirst(text)
    },
  },
  {
    // The URL standard; frameworks then decode each segment.
    name: 'Node.js',
    read(path) {
      const { pathname } = new URL(`http://server${path}`)
      const parts = pathname.split('/').slice(1).map(whole)
      return parts.some((part) => part === null) ? null : (parts as string[])
    },
  },
  {
    // net/http: URL.Path is decoded; ServeMux redirects to path.Clean of it.
    name: 'Go',
    read(path) {
      const text = whole(path)
      return text === null ? null : cleaned(text, true)
    },
  },
  {
    // HttpListener and IIS read backslashes as slashes once the path is decoded.
    name: 'IIS',
    read(path) {
      const text = whole(path)
      return text === null ? null : cleaned(text.replaceAll('\\', '/'), false)
    },
  },
  {
    name: 'a server that decodes twice',
    read(path) {
      const once = whole(path)
      const text = once === null ? null : whole(once)
      return text === null ? null : cleaned(text, false)
    },
  },
  {
    // Routers that compare segments as they are: Express, Rails with raw paths.
    name: 'a router without normalisation',
    read(path) {
      const parts = path.split('/').slice(1).map(whole)
      return parts.some((part) => part === null) ? null : (parts as string[])
    },
  },
]
