const escaped = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)

/** The page of the live app for this user. */
export function livePage(user: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Live</title><style>:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:44rem;margin:8vh auto;padding:0 1rem;overflow-wrap:anywhere}section{border:1px solid #8885;border-radius:.7rem;padding:.2rem 1rem 1rem;margin:1rem 0}
output{font-variant-numeric:tabular-nums;font-size:1.3rem;display:block;overflow-wrap:anywhere}input,button{font:inherit;padding:.3rem .6rem}</style>
<h1>Live, ${escaped(user)}</h1><p>Lock this person in a terminal and watch both streams end.</p>
<section><h2>Server-Sent Events</h2><output id="events">connecting…</output></section>
<section><h2>WebSocket echo</h2><output id="socket">connecting…</output>
<form id="say"><input id="text" value="hello" aria-label="Message"> <button>Send</button></form></section>
<p>End your session in another tab, or wait for its end: this page says so, and goes on once you have signed in again.</p>
<script src="/live.js"></script><script src="/.mezite/session.js" defer></script></html>`
}

/** The page's script. plugins/http-apps/README.md describes the events of the hub's `/.mezite/session.js`. */
export const liveScript = `const show = (id, text) => { document.getElementById(id).textContent = text }
const isSessionOver = () => dispatchEvent(new Event('mezite-check'))
let events, socket

function openEvents() {
  events = new EventSource('/events')
  events.onmessage = (event) => show('events', 'event ' + JSON.parse(event.data).count)
  events.onerror = () => {
    show('events', 'ended')
    if (events.readyState === EventSource.CLOSED) isSessionOver()
  }
}

function openSocket() {
  socket = new WebSocket('wss://' + location.host + '/socket')
  socket.onmessage = (event) => show('socket', event.data)
  socket.onclose = (event) => {
    show('socket', 'closed with code ' + event.code)
    isSessionOver()
  }
}

document.getElementById('say').onsubmit = (event) => {
  event.preventDefault()
  if (socket.readyState === WebSocket.OPEN) socket.send(document.getElementById('text').value)
}
addEventListener('mezite-renewed', () => {
  if (events.readyState !== EventSource.OPEN) {
    events.close()
    openEvents()
  }
  if (socket.readyState > WebSocket.OPEN) openSocket()
})
openEvents()
openSocket()
`
