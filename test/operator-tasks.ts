/** What operators do every day: one command each, and at most four clicks in the dashboard. */

/** The id in lines that need one. */
export const TASK_ID = '01a2177e-3930-733d-b419-54bdf06c4dcb'

/**
 * The task, its command line, the page of the administration where it begins (empty: the overview), and how many clicks and keys
 * it takes from there. What is typed into a field is not counted.
 */
export const TASKS = [
  { task: 'who may open grafana', line: 'access who grafana', start: '', clicks: 2 },
  { task: 'what alice may open', line: 'access what alice@example.com', start: '', clicks: 2 },
  {
    task: 'why alice cannot open grafana',
    line: 'access explain --user alice@example.com --app grafana',
    start: '',
    clicks: 3,
  },
  {
    task: 'who opened grafana since yesterday',
    line: 'audit ls --app grafana --from yesterday',
    start: '',
    clicks: 3,
  },
  {
    task: 'what alice did yesterday',
    line: 'audit ls --by alice@example.com --from yesterday --to today',
    start: '',
    clicks: 4,
  },
  {
    task: 'what was changed this week, and by whom',
    line: 'audit ls --changes --from 7d',
    start: '',
    clicks: 2,
  },
  {
    task: 'keep alice out now',
    line: 'locks create --user alice@example.com --message Ask --yes',
    start: '',
    clicks: 3,
  },
  { task: 'let alice in again', line: `locks rm ${TASK_ID} --yes`, start: '', clicks: 4 },
  {
    task: 'sign alice out everywhere',
    line: 'sessions revoke --user alice@example.com --yes',
    start: '',
    clicks: 4,
  },
  { task: 'sign everybody out', line: 'sessions revoke --all --yes', start: '', clicks: 3 },
  { task: 'give alice a role', line: 'users add-role alice@example.com oncall', start: '', clicks: 4 },
  {
    task: 'take a role from alice',
    line: 'users remove-role alice@example.com oncall',
    start: 'people',
    clicks: 4,
  },
  {
    task: 'let somebody in who has no account at the provider',
    line: 'users create erin --roles access --passkey',
    start: 'people',
    clicks: 4,
  },
  {
    task: 'replace a lost passkey',
    line: 'users reset-webauthn alice@example.com --yes',
    start: '',
    clicks: 4,
  },
  {
    task: 'remove a colleague who left',
    line: 'users rm alice@example.com --yes',
    start: 'people',
    clicks: 4,
  },
  {
    task: 'publish an application',
    line: 'apps register --name grafana --uri http://10.0.3.12:3000 --agent-hostname node-1',
    start: '',
    clicks: 3,
  },
  { task: 'take an application off the net', line: 'apps disable grafana --yes', start: 'apps', clicks: 4 },
  {
    task: 'open the applications of a team',
    line: 'roles create --name developers --allow team=dev',
    start: '',
    clicks: 3,
  },
  { task: 'which applications are unreachable', line: 'apps ls --state unreachable', start: '', clicks: 2 },
  {
    task: 'let a machine join',
    line: 'tokens create --roles=app --agent-hostname node-1',
    start: '',
    clicks: 3,
  },
  { task: 'which agents are down', line: 'agents ls --state down', start: '', clicks: 1 },
  { task: 'who waits for an approval', line: 'requests ls --state pending', start: '', clicks: 1 },
  {
    task: 'approve a request for an hour',
    line: `requests approve ${TASK_ID} --for 1h`,
    start: '',
    clicks: 4,
  },
  { task: 'which certificate expires next', line: 'certs ls --sort expires', start: '', clicks: 2 },
  { task: 'what needs attention', line: 'status --check', start: '', clicks: 0 },
] as const
