/**
 * ALPN name of the protocol between hub and msh: HTTP/2 over mutual TLS, with msh as the client. Each local connection is
 * one CONNECT stream whose `:authority` is the app's name. 200 opens it; any other status has a reason code in
 * `REASON_HEADER` and, in `MESSAGE_HEADER`, the administrator's message to the refused user.
 */
export const TCP_ALPN = 'mezite-tcp/1'

/** Percent-encoded UTF-8. */
export const MESSAGE_HEADER = 'mezite-message'

/** `http` on the CONNECT of an HTTP app: the stream then carries HTTP/1.1 to the app's public host. */
export const APP_PROTOCOL_HEADER = 'mezite-protocol'

/** On the 200 to such a CONNECT: the public host, and port when it is not 443, under which browsers know the app. */
export const PUBLIC_HOST_HEADER = 'mezite-public-host'
