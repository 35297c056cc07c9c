// Finds pages while a person types. Without this script the form shows the results on a page of its own.
const form = document.querySelector('form[data-index]')
const list = document.querySelector('#docs-results')
const input = form?.querySelector('input')

let loading
function load() {
  loading ??= fetch(form.dataset.index)
    .then((response) => response.json())
    .then(({ index, options, ...rest }) => ({
      ...rest,
      search: globalThis.MiniSearch.loadJS(index, options),
    }))
  return loading
}

function result({ id, title, heading, excerpt }) {
  const [name, anchor] = id.split('#')
  const link = document.createElement('a')
  link.href = `${form.dataset.base}${name}${form.dataset.suffix ?? ''}${anchor === undefined ? '' : `#${anchor}`}`
  const strong = document.createElement('strong')
  strong.textContent = heading
  const where = document.createElement('span')
  where.className = 'quiet'
  where.textContent = heading === title ? '' : title
  const text = document.createElement('span')
  text.className = 'excerpt'
  text.textContent = excerpt
  link.append(strong, where, text)
  const item = document.createElement('li')
  item.append(link)
  return item
}

async function show() {
  const query = input.value
  if (query.trim() === '') {
    list.hidden = true
    return
  }
  const { search, stop, results } = await load()
  if (input.value !== query) return
  const typed = query.toLowerCase().split(/[\s?!.,]+/)
  const kept = typed.filter((word) => !stop.includes(word)).filter(Boolean)
  const words = (kept.length === 0 ? typed : kept).slice(0, 10)
  const boostDocument = (_id, _term, { rank }) => rank
  // First what has every word, then all but one of them, then any; as on the hub.
  const every = (queries) => ({ combineWith: 'AND', queries })
  const butOne = words.map((_, at) => every(words.toSpliced(at, 1)))
  const queries = [
    every(words),
    ...(words.length > 2 ? [{ combineWith: 'OR', queries: butOne }] : []),
    { combineWith: 'OR', queries: words },
  ]
  const all = queries.flatMap((one) => search.search(one, { boostDocument }))
  const found = all
    .filter(({ id }, index) => all.findIndex((other) => other.id === id) === index)
    .slice(0, results)
  list.replaceChildren(...found.map(result))
  if (found.length === 0) {
    const item = document.createElement('li')
    item.className = 'quiet'
    item.textContent = form.dataset.nothing
    list.append(item)
  }
  list.hidden = false
}

if (form && list && input) {
  input.addEventListener('focus', load, { once: true })
  input.addEventListener('input', show)
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') list.hidden = true
    if (event.key === 'ArrowDown') list.querySelector('a')?.focus()
  })
  form.addEventListener('submit', (event) => {
    const first = list.hidden ? null : list.querySelector('a')
    if (first === null) return
    event.preventDefault()
    first.click()
  })
}
