/** Names of all commands; any other first word is a method of the API. */
export const COMMANDS = [
  'start',
  'generate',
  'import',
  'export',
  'pack',
  'unpack',
  'feeds',
  'forks',
  'get',
  'tangle',
  'publish',
  'status',
  'verify',
  'rebuild',
  'archive',
  'unarchive',
  'connect',
  'peers',
  'sync',
  'follow',
  'unfollow',
  'block',
  'unblock',
  'hops',
  'invite',
  'unlock',
] as const

/** Words that are answered by help or the version, not by a command. */
export const HELP_WORDS: ReadonlySet<string> = new Set(['help', '--version', '-V'])
