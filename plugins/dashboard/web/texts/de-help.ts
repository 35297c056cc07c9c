/** German for the help of the keys of documents, which the hub says in English. `{}` stands for a value, as in texts of plugins. */
export const help: Readonly<Record<string, string>> = {
  // Applications, as their form shows them.
  'Address that the agent dials: http://host:port, https://host:port or tcp://host:port; none: a proxy of your own serves the app and asks the hub (plugin verdicts)':
    'Adresse, die der Agent anwählt: http://host:port, https://host:port oder tcp://host:port; leer: Ein eigener Proxy liefert die Anwendung aus und fragt den Hub (Plugin verdicts)',
  'Host names of the agents that may serve the app; requests are spread over all of them':
    'Rechnernamen der Agenten, die die Anwendung ausliefern dürfen; Anfragen verteilen sich auf alle',
  'Host name towards browsers, below the apps domain. Default: NAME.<apps_domain>':
    'Rechnername für Browser, unterhalb der Domain der Anwendungen. Voreinstellung: NAME.<apps_domain>',
  'Protocol towards people. Default: tcp for a tcp:// uri, verdict for none, else http':
    'Protokoll zu den Personen hin. Voreinstellung: tcp für eine Adresse mit tcp://, verdict für keine, sonst http',
  'Other origins whose pages may send non-safe requests and preflights, and open WebSockets. A wildcard of `aliases` may be one: https://*.preview.apps.example.com':
    'Andere Ursprünge, deren Seiten ändernde Anfragen und Preflights senden und WebSockets öffnen dürfen. Ein Platzhalter aus `aliases` ist möglich: https://*.preview.apps.example.com',
  'Headers in which the app expects the verified identity: user, email, name, roles (separated by commas), each_role (one line for each), assertion (the signed token), or a template such as {email.local}. Lines of clients with these names are dropped':
    'Header, in denen die Anwendung die geprüfte Identität erwartet: user, email, name, roles (durch Kommas getrennt), each_role (eine Zeile für jede), assertion (das signierte Token) oder eine Vorlage wie {email.local}. Zeilen mit diesen Namen, die ein Client sendet, werden entfernt',
  'Name on the card. Default: the name of the app':
    'Name auf der Karte. Voreinstellung: der Name der Anwendung',
  'One line below the name. Default: the description in `metadata`':
    'Eine Zeile unter dem Namen. Voreinstellung: die Beschreibung in `metadata`',
  'Heading under which the launcher lists the app':
    'Überschrift, unter der die Anwendung für die Personen aufgeführt ist',
  'Name of a preset, or a data: URL of a PNG, JPEG or WebP image. Default: a preset for well-known apps, otherwise initials':
    'Name einer Vorlage, oder eine data:-URL eines Bildes (PNG, JPEG oder WebP). Voreinstellung: eine Vorlage für bekannte Anwendungen, sonst die Anfangsbuchstaben',
  'HTTP version towards the app. h2: over TLS; h2c: HTTP/2 without TLS; auto: what TLS negotiates, or without TLS HTTP/2 for gRPC calls only. gRPC needs HTTP/2. WebSockets use HTTP/1.1 in any case':
    'HTTP-Version zur Anwendung hin. h2: über TLS; h2c: HTTP/2 ohne TLS; auto: wie TLS es aushandelt, ohne TLS HTTP/2 nur für Aufrufe mit gRPC. gRPC braucht HTTP/2. WebSockets verwenden immer HTTP/1.1',
  'Host header towards the app: preserve (public host), upstream (host of `uri`) or a host name. Origin, Referer, Destination, Location, Content-Location, Link and Refresh follow':
    'Host-Header zur Anwendung hin: preserve (öffentlicher Name), upstream (Rechner aus `uri`) oder ein Rechnername. Origin, Referer, Destination, Location, Content-Location, Link und Refresh richten sich danach',
  'false accepts any certificate of the app. Prefer `ca`, which keeps the check':
    'Ohne Haken gilt jedes Zertifikat der Anwendung. Besser ist `ca`: Die Prüfung bleibt erhalten',
  'Name that the certificate must have and that is sent as SNI. Default: the host of `uri`':
    'Name, den das Zertifikat haben muss und der als SNI gesendet wird. Voreinstellung: der Rechner aus `uri`',
  'Certificates (PEM) to trust instead of the public authorities':
    'Zertifikate (PEM), denen anstelle der öffentlichen Stellen vertraut wird',
  'Header lines that all requests carry; each replaces the lines of its name':
    'Header-Zeilen aller Anfragen; jede ersetzt die Zeilen mit ihrem Namen',
  'Names of header lines that are removed from all requests':
    'Namen von Header-Zeilen, die aus allen Anfragen entfernt werden',
  'Header lines that all responses carry; each replaces the lines of its name':
    'Header-Zeilen aller Antworten; jede ersetzt die Zeilen mit ihrem Namen',
  'Names of header lines that are removed from all responses':
    'Namen von Header-Zeilen, die aus allen Antworten entfernt werden',
  'Longest time to connect to the app, TLS included':
    'Längste Zeit für den Aufbau der Verbindung zur Anwendung, mit TLS',
  'Longest time from the end of the request to the first byte of the response':
    'Längste Zeit vom Ende der Anfrage bis zum ersten Byte der Antwort',
  'Longest time without a byte in either direction once a transfer has begun':
    'Längste Zeit ohne ein Byte in einer der Richtungen, nachdem eine Übertragung begonnen hat',
  // Roles.
  'Conditions for users with this role': 'Bedingungen für Personen mit dieser Rolle',
  'Longest sign-in of users with this role; the shortest among their roles wins. Default: 12h':
    'Längste Anmeldung von Personen mit dieser Rolle; die kürzeste ihrer Rollen gilt. Voreinstellung: 12h',
  'A session ends after this time without a request; 0: never. Default: 0':
    'Nach dieser Zeit ohne eine Anfrage endet eine Sitzung; 0: nie. Voreinstellung: 0',
  'Apps that this role allows need a confirmation with a passkey for each app session. hardware_key: with one that is not synced. Default: false':
    'Anwendungen, die diese Rolle erlaubt, brauchen für jede ihrer Sitzungen eine Bestätigung mit einem Passkey. hardware_key: mit einem, der nicht synchronisiert wird. Voreinstellung: false',
  'Apps that this role allows need a trusted device. Default: false':
    'Anwendungen, die diese Rolle erlaubt, brauchen ein vertrautes Gerät. Voreinstellung: false',
  'Each change of administration needs a confirmation with a passkey that is not older; 0: none is needed. Default: 0':
    'Jede Änderung der Verwaltung braucht eine Bestätigung mit einem Passkey, die nicht älter ist; 0: keine. Voreinstellung: 0',
  'A sign-in to the dashboard or a command line ends after this time without a request, also of an app that was opened from it; 0: never. Default: 0':
    'Eine Anmeldung im Browser oder auf der Kommandozeile endet nach dieser Zeit ohne eine Anfrage, auch einer Anwendung, die von dort geöffnet wurde; 0: nie. Voreinstellung: 0',
  'How long a confirmation is also valid for other apps; 0: each app asks. Default: 0':
    'Wie lange eine Bestätigung auch für andere Anwendungen gilt; 0: jede fragt. Voreinstellung: 0',
  'Apps that the role allows': 'Anwendungen, die die Rolle erlaubt',
  'Labels of the apps that the role allows; all of them must match. A value is exact, a list (any of), "*" or a regular expression ^…$':
    'Labels der Anwendungen, die die Rolle erlaubt; alle müssen passen. Ein Wert gilt genau, eine Liste (einer davon), "*" oder ein regulärer Ausdruck ^…$',
  'Rights of administration that the role allows': 'Rechte der Verwaltung, die die Rolle erlaubt',
  'Kinds of things, as in the rights of the page look-up/api, such as app; * is all':
    'Arten von Dingen, wie in den Rechten der Seite look-up/api, zum Beispiel app; * sind alle',
  'What may be done with them; * is everything': 'Was mit ihnen geschehen darf; * ist alles',
  'Only things with these labels. Default: all': 'Nur Dinge mit diesen Labels. Voreinstellung: alle',
  'All of these labels, exactly, or one of a list; {{user.name}} is the caller, {{user.roles}} each role of the caller':
    'Alle diese Labels, genau, oder einer aus einer Liste; {{user.name}} ist die Person selbst, {{user.roles}} jede ihrer Rollen',
  'Addresses from which the role allows its apps. Without it: all':
    'Adressen, von denen aus die Rolle ihre Anwendungen erlaubt. Ohne Angabe: alle',
  'Countries from which the role allows its apps, by the database of the plugin app-rules. Without it: all':
    'Länder, aus denen die Rolle ihre Anwendungen erlaubt, nach der Datenbank des Plugins app-rules. Ohne Angabe: alle',
  'Labels of the apps that the role names in {}; all of them must match. A value is exact, a list (any of), "*" or a regular expression ^…$':
    'Labels der Anwendungen, die die Rolle in {} nennt; alle müssen passen. Ein Wert gilt genau, eine Liste (einer davon), "*" oder ein regulärer Ausdruck ^…$',
  'Requests that the role allows inside its apps, or denies. Without rules under allow: all of them':
    'Anfragen, die die Rolle innerhalb ihrer Anwendungen erlaubt oder verweigert. Ohne Regeln unter allow: alle',
  'For records and explanations': 'Für Aufzeichnungen und Erklärungen',
  'GET, HEAD, …; "*": all': 'GET, HEAD, …; "*": alle',
  '/api/**: any number of segments; /users/*/keys: one segment, or a part of it':
    '/api/**: beliebig viele Abschnitte; /users/*/keys: ein Abschnitt oder ein Teil davon',
  'Only openings of WebSockets, whose method is GET. Without it, GET allows none of them':
    'Nur das Öffnen von WebSockets, deren Methode GET ist. Ohne diese Angabe erlaubt GET keines',
  'Conditions on the query; all must hold': 'Bedingungen für die Parameter der Adresse; alle müssen gelten',
  'Names that the query must have': 'Namen, die unter den Parametern sein müssen',
  'Values by name': 'Werte nach Namen',
  'What the request asks the app to do, by one protocol: the hub reads it first':
    'Was die Anfrage von der Anwendung will, nach einem Protokoll: Der Hub liest sie zuerst',
  'tools/list; tools/call:search_*: calls of some tools':
    'tools/list; tools/call:search_*: Aufrufe einiger Werkzeuge',
  'Methods: ledger.read, ledger.*': 'Methoden: ledger.read, ledger.*',
  'query; mutation:createIssue: some fields at the root':
    'query; mutation:createIssue: einige Felder der obersten Ebene',
  'Arguments whose values records contain; without it, records have none':
    'Argumente, deren Werte aufgezeichnet werden; ohne Angabe keine',
  'What is needed besides': 'Was außerdem nötig ist',
  'How fresh a confirmation with a passkey must be: 5m':
    'Wie alt eine Bestätigung mit einem Passkey höchstens sein darf: 5m',
  'The person signs each such request with a passkey before the app gets it':
    'Die Person unterschreibt jede solche Anfrage mit einem Passkey, bevor die Anwendung sie bekommt',
  'Another person signs, who may send the request too':
    'Eine andere Person unterschreibt, die die Anfrage auch senden dürfte',
  'What people with this role may ask for': 'Worum Personen mit dieser Rolle bitten dürfen',
  'The longest time. Default: 8h': 'Die längste Zeit. Voreinstellung: 8h',
  'How many people must approve. Default: 1': 'Wie viele Personen zustimmen müssen. Voreinstellung: 1',
  'Access at once, for at most an hour, with a passkey':
    'Zugriff sofort, für höchstens eine Stunde, mit einem Passkey',
  'What people with this role approve': 'Was Personen mit dieser Rolle genehmigen',
  'Each approval needs a passkey': 'Jede Zustimmung braucht einen Passkey',
  'Devices of people count at these apps although a role demands a passkey, while they are not older than max_age':
    'Geräte von Personen gelten bei diesen Anwendungen, obwohl eine Rolle einen Passkey verlangt, solange sie nicht älter als max_age sind',
  'How long after a person has added a device with a passkey: 90d':
    'Wie lange, nachdem eine Person ein Gerät mit einem Passkey hinzugefügt hat: 90d',
  'Apps that the role denies, whatever other roles allow':
    'Anwendungen, die die Rolle verweigert, auch wenn andere Rollen sie erlauben',
  'Labels of the apps that the role denies; all of them must match. A value is exact, a list (any of), "*" or a regular expression ^…$':
    'Labels der Anwendungen, die die Rolle verweigert; alle müssen passen. Ein Wert gilt genau, eine Liste (einer davon), "*" oder ein regulärer Ausdruck ^…$',
  'Rights of administration that the role denies': 'Rechte der Verwaltung, die die Rolle verweigert',
  // Providers.
  'Issuer of the provider; its discovery document is at <issuer_url>/.well-known/openid-configuration':
    'Aussteller des Anbieters; sein Discovery-Dokument ist unter <issuer_url>/.well-known/openid-configuration',
  'Client id that the provider has assigned to the hub': 'Client-ID, die der Anbieter dem Hub gegeben hat',
  'How the hub authenticates at the token endpoint; auto tries what the provider offers':
    'Wie sich der Hub am Token-Endpunkt ausweist; auto versucht, was der Anbieter anbietet',
  'Scopes to request': 'Scopes, die angefordert werden',
  'Claim that contains the user name': 'Claim mit dem Anmeldenamen',
  'The claim email counts only if email_verified is true':
    'Der Claim email gilt nur, wenn email_verified wahr ist',
  'Roles by claim, mapped at each sign-in': 'Rollen nach Claims, bei jeder Anmeldung neu zugeordnet',
  'Name of the claim': 'Name des Claims',
  'Value that the claim must have: exact, "*" or a regular expression ^…$':
    'Wert, den der Claim haben muss: genau, "*" oder ein regulärer Ausdruck ^…$',
  'Roles that the user gets until the next sign-in':
    'Rollen, die die Person bis zur nächsten Anmeldung bekommt',
  'Ask the provider again after this time while a session lasts (10m), if it gives refresh tokens; at least 1m':
    'Den Anbieter während einer Sitzung nach dieser Zeit erneut fragen (10m), wenn er Refresh-Tokens gibt; mindestens 1m',
  'How long sessions outlive a provider that does not answer; default 1h':
    'Wie lange Sitzungen weiterlaufen, wenn der Anbieter nicht antwortet; Voreinstellung 1h',
}
