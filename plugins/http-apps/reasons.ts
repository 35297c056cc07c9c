import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons, problemFor, problemAbout } = defineReasons({
  answer_invalid: { status: 502, en: 'APP sent a response that is not valid HTTP.', de: 'Die Anwendung hat etwas gesendet, das kein gültiges HTTP ist.', next: 'The application sent a response that is not valid HTTP. Its log or `curl` on the machine of the agent shows it; update the application.' },
  app_timeout: { status: 504, en: 'APP did not respond in time.', de: 'Die Anwendung hat nicht rechtzeitig geantwortet.', next: 'The application did not respond in time. Read its log, or raise its `timeouts`.' },
  chunk_extensions_too_long: { status: 413, en: 'The chunk extensions of the request body are too long.', next: 'The request has chunk extensions of an unreasonable length. Correct the client.' },
  forward_failed: { status: 500, en: 'Something went wrong. The error was logged.', next: 'A plugin failed while the request was prepared. The log names the plugin.' },
  forward_refused: { status: 500, en: 'A plugin set a header that only the hub may set.', next: 'A plugin set a header that only the hub may set. The log names the plugin.' },
  handover_refused: { status: 400, de: 'Dieser Link wurde schon benutzt, ist abgelaufen oder gehört zu einem anderen Browser. Öffnen Sie die Anwendung noch einmal.', next: 'The one-use code of the sign-in was used or is older than 30 s. Open the application again.' },
  header_refused: { status: 400, next: 'The request has a header that only the hub sets, or one that looks like it. Correct the client, or the proxy in front of the hub.' },
  http2_unavailable: { status: 502, en: 'APP is not set up correctly.', next: 'The document demands HTTP/2, and the application does not speak it. Set `http.version` to `1.1` or `auto`.' },
  misdirected: { status: 421, en: 'This stream serves APP only.', next: 'The stream of `msh` is for another application. Close the local port and open it again.' },
  origin_not_allowed: { status: 403, en: 'The page that sent this request may not use APP.', de: 'Die Seite, von der diese Anfrage kommt, darf das nicht.', next: 'A page of another site sent the request. Allow the origin in the document of the application if that is intended.' },
  origin_invalid: { status: 400, en: 'The request has two origins.', next: 'The client sent two `Origin` headers. Correct it.' },
  roles_invalid: { status: 500, en: 'One of your roles has a name that cannot be sent.', next: 'A name in the list of roles is not valid. Correct the list.' },
  roles_too_long: { status: 500, en: 'Your roles do not fit into one request. Ask an administrator to give you fewer.', de: 'Ihre Anfrage passt nicht durch. Wenden Sie sich mit den beiden Codes an Ihre Administration.', next: 'The roles of the person do not fit into a header. Give fewer or shorter roles.' },
  trailers_too_large: { status: 431, en: 'The trailers of the request are too large.', next: 'The trailers of a message are larger than 16 KiB. Correct the application or the client.' },
  upgrade_invalid: { status: 400, next: 'The client asks for another protocol than WebSocket, or its handshake is malformed. Correct the client.' },
})
