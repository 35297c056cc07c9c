/** English, the catalogue that gives the others their shape. */
export const en = {
  template: {
    skip: 'Skip to content',
    apps: 'Applications',
    account: 'My account',
    signOut: 'Sign out',
    menu: (user: string) => `Menu of ${user}`,
    signedInAs: 'Signed in as',
    help: 'Help',
    copy: 'Copy',
    copied: 'Copied',
  },
}
