/** German for what the hub itself says in English: states, kinds, problems and plugins. `{}` stands for a value, as in texts of plugins. */
export const said: Readonly<Record<string, string>> = {
  // Maturity of a plugin.
  stable: 'stabil',
  beta: 'Beta',
  experimental: 'Versuch',
  // Kinds of a problem.
  agent: 'Agent',
  app: 'Anwendung',
  certificate: 'Zertifikat',
  audit: 'Protokoll',
  clock: 'Uhr',
  database: 'Datenbank',
  job: 'Aufgabe',
  runtime: 'Laufzeit',
  finding: 'Befund',
  // Problems.
  'not connected, last seen {} ago; nobody reaches its app':
    'nicht verbunden, zuletzt gesehen vor {}; seine Anwendung erreicht niemand',
  'not connected, last seen {} ago; nobody reaches its {} apps':
    'nicht verbunden, zuletzt gesehen vor {}; seine {} Anwendungen erreicht niemand',
  'not connected, last seen {} ago': 'nicht verbunden, zuletzt gesehen vor {}',
  'locked, not connected, last seen {} ago': 'gesperrt, nicht verbunden, zuletzt gesehen vor {}',
  'not connected, not seen since the hub started {} ago; nobody reaches its app':
    'nicht verbunden, nicht gesehen seit dem Start des Hubs vor {}; seine Anwendung erreicht niemand',
  'not connected, not seen since the hub started {} ago; nobody reaches its {} apps':
    'nicht verbunden, nicht gesehen seit dem Start des Hubs vor {}; seine {} Anwendungen erreicht niemand',
  'not connected, not seen since the hub started {} ago':
    'nicht verbunden, nicht gesehen seit dem Start des Hubs vor {}',
  'locked, not connected, not seen since the hub started {} ago':
    'gesperrt, nicht verbunden, nicht gesehen seit dem Start des Hubs vor {}',
  'no agent is bound to it': 'kein Agent ist ihr zugewiesen',
  'no agent: {} has not joined': 'kein Agent: {} ist noch nicht beigetreten',
  'no agent: {} have not joined': 'kein Agent: {} sind noch nicht beigetreten',
  'unreachable: {}': 'nicht erreichbar: {}',
  'expires in {}, {}': 'läuft ab in {}, {}',
  'expired {} ago, {}': 'abgelaufen vor {}, {}',
  '{} events wait, {} were dropped': '{} Ereignisse warten, {} wurden verworfen',
  'failed {} times in a row: {}': '{}-mal nacheinander fehlgeschlagen: {}',
  "the clock is {} s ahead of the database's": 'die Uhr geht gegenüber der Datenbank {} s vor',
  "the clock is {} s behind the database's": 'die Uhr geht gegenüber der Datenbank {} s nach',
  'access data cannot be read': 'Daten über den Zugriff können nicht gelesen werden',
  'cannot be listed: {}': 'kann nicht aufgelistet werden: {}',
  'keeps the role admin, which the provider has not given since {}, because nobody else has it; give it to somebody else, and the next sign-in takes it':
    'behält die Rolle admin, die der Anbieter seit {} nicht mehr gibt, weil niemand sonst sie hat; geben Sie sie jemand anderem, dann nimmt die nächste Anmeldung sie weg',
  // Plugins.
  'Lets people ask for access for a time': 'Lässt Personen Zugriff auf Zeit anfragen',
  'Orders and renews certificates from an ACME authority':
    'Bestellt und erneuert Zertifikate bei einer ACME-Stelle',
  'Gives programs credentials for the JSON API': 'Gibt Programmen Zugangsdaten für die JSON-API',
  'Keeps apps that agents propose until somebody accepts them':
    'Bewahrt Anwendungen auf, die Agenten vorschlagen, bis jemand sie annimmt',
  'Decides requests inside apps by rules of roles':
    'Entscheidet über Anfragen innerhalb von Anwendungen nach Regeln der Rollen',
  'Keeps audit events in the database': 'Bewahrt das Protokoll in der Datenbank auf',
  'Writes audit events to a file': 'Schreibt das Protokoll in eine Datei',
  'Lets programs in with OAuth 2 tokens, and signs people in to apps with OpenID Connect':
    'Lässt Programme mit OAuth-2-Tokens ein und meldet Personen mit OpenID Connect in Anwendungen an',
  'Answers AuthZEN questions about access to applications':
    'Beantwortet AuthZEN-Fragen zum Zugriff auf Anwendungen',
  'Encrypted backups of the running cluster': 'Verschlüsselte Sicherungen des laufenden Clusters',
  'Accounts of programs, and the proofs by which they get in':
    'Konten von Programmen, und die Nachweise, mit denen sie sich ausweisen',
  'Lets chosen changes wait until a second person approves them':
    'Lässt ausgewählte Änderungen warten, bis eine zweite Person sie genehmigt',
  'Signs in mezctl and msh through the browser': 'Meldet mezctl und msh über den Browser an',
  'The launcher for people and the administration for operators':
    'Die Seite mit den Anwendungen für Personen und die Verwaltung für den Betrieb',
  'Lets people add phones and other clients that can only send a secret':
    'Lässt Personen Handys und andere Programme hinzufügen, die nur ein Geheimnis senden können',
  'Serves the documentation of this version': 'Zeigt die Dokumentation dieser Version',
  'Publishes HTTP applications': 'Veröffentlicht HTTP-Anwendungen',
  'Signs the identity of the caller on every request': 'Signiert bei jeder Anfrage, wer sie stellt',
  'Lets AI assistants ask the hub, as an MCP server with the rights of an API token':
    'Lässt KI-Assistenten den Hub fragen, als MCP-Server mit den Rechten eines API-Tokens',
  'Serves /metrics on the diagnostics listener': 'Zeigt /metrics am Anschluss für die Diagnose',
  'Stores notifications and delivers each at least once':
    'Speichert Benachrichtigungen und stellt jede mindestens einmal zu',
  'Delivers notifications by webhook, e-mail and chat':
    'Stellt Benachrichtigungen per Webhook, E-Mail und Chat zu',
  'Signs people in through an OpenID provider': 'Meldet Personen über einen OpenID-Anbieter an',
  'Opens paths of applications to verified requests without a person':
    'Öffnet Pfade von Anwendungen für geprüfte Anfragen ohne Person',
  'Decides access by roles and labels': 'Entscheidet über den Zugriff nach Rollen und Labels',
  'Serves the pages of sign-in, My account and sign-out':
    'Zeigt die Seiten für Anmeldung, „Mein Konto“ und Abmeldung',
  'Holds requests until a person signs them with a passkey':
    'Hält Anfragen an, bis eine Person sie mit einem Passkey unterschreibt',
  'Publishes TCP applications to msh': 'Veröffentlicht TCP-Anwendungen für msh',
  'Carries tunnels on TLS connections to the public port':
    'Führt Tunnel über TLS-Verbindungen zum öffentlichen Port',
  'Carries tunnels in WebSockets on the hub’s own host': 'Führt Tunnel in WebSockets am Host des Hubs',
  'Carries tunnels in WebTransport streams on the hub’s own host':
    'Führt Tunnel in WebTransport-Strömen am Host des Hubs',
  'Issues certificates to people for msh': 'Stellt Personen Zertifikate für msh aus',
  'Decides about requests that your own proxy carries':
    'Entscheidet über Anfragen, die Ihr eigener Proxy weiterleitet',
  'Serves the JSON API of what the hub keeps, its status and its decisions, and of signed-in people':
    'Stellt die JSON-API bereit: was der Hub aufbewahrt, seinen Zustand, seine Entscheidungen und angemeldete Personen',
  'Asks for passkeys, to confirm and to sign in': 'Fragt nach Passkeys, zum Bestätigen und zum Anmelden',
  // Icons of applications.
  chart: 'Diagramm',
  pulse: 'Puls',
  build: 'Bau',
  code: 'Code',
  book: 'Buch',
  terminal: 'Terminal',
  shield: 'Schild',
  mail: 'Brief',
  chat: 'Gespräch',
  folder: 'Ordner',
  check: 'Häkchen',
  play: 'Wiedergabe',
  globe: 'Globus',
  cloud: 'Wolke',
  server: 'Server',
  calendar: 'Kalender',
  money: 'Geld',
}
