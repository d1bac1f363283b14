/** The commands, their options and their help. What a command does is loaded when it runs. */
import { Command, type CommanderError } from 'commander'
import { Mistake } from './mistake.js'
import type { CommandContext } from './session.js'

function example(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText(
    'after',
    `\nExample:\n${lines.map((line) => `  $ ${line}\n`).join('')}`,
  )
}

/**
 * Builds the program. Actions run with the context and hand their exit code to `finish`; `words` are
 * those of the command line behind the command, for the one that reads its options by itself.
 */
export function buildProgram(
  version: string,
  context: CommandContext,
  words: readonly string[],
  finish: (exitCode: number) => void,
): Command {
  const program = new Command('dunbar')
    .description(
      'A headless Secure Scuttlebutt peer. A command talks to the node that runs on the folder; where none runs, it opens the folder itself.',
    )
    .version(version)
    .usage('COMMAND [options]\n       dunbar METHOD.NAME [args] [--option value]')
    .helpCommand('help [command]', 'shows the help of a command')
    .exitOverride()
    .configureOutput({ writeErr: () => {} })

  const add = (
    usage: string,
    description: string,
    examples: readonly string[],
    configure: (command: Command) => unknown = () => {},
    more = '',
  ): Command => {
    const command = program
      .command(usage)
      .summary(description)
      .description(more === '' ? `${description}.` : `${description}. ${more}`)
      .exitOverride()
    configure(command)
    command
      .option('--path <folder>', 'folder of the node; default $DUNBAR_PATH, else ~/.dunbar')
      .option('--json', 'print JSON')
    return example(command, ...examples)
  }

  add('start', 'runs a node until Ctrl-C', ['dunbar start --path ~/.dunbar'], (command) =>
    command
      .option('--shards <count>', 'worker threads for feeds; default one a core')
      .option('--host <address>', 'address of this machine to listen on; default all')
      .option('--port <number>', 'port to listen on; default 8008, 0 takes any')
      .option('--no-lan', 'neither announces itself on the local network nor looks for others')
      .option('--offline', 'neither listens nor connects'),
  ).action(async (options) => {
    const { start } = await import('./commands/start.js')
    finish(await start(context, options))
  })

  add(
    'generate',
    'writes signed messages of invented feeds as JSON lines',
    ['dunbar generate --feeds 150 --messages 100000 --seed 1 > messages.jsonl'],
    (command) =>
      command
        .requiredOption('--feeds <count>', 'number of feeds')
        .requiredOption('--messages <count>', 'number of messages in all')
        .requiredOption('--seed <text>', 'what the feeds are made from')
        .option(
          '--spread <kind>',
          'who writes how much: natural as people do, even, or giants where four feeds have 80 %',
          'natural',
        ),
    'The same numbers, seed and spread give the same bytes.',
  ).action(async (options) => {
    const { generate } = await import('./commands/generate.js')
    finish(await generate(context, options))
  })

  add(
    'import',
    'reads messages from a file or another node and checks each',
    ['dunbar import messages.jsonl.gz', 'dunbar import ~/.ssb'],
    (command) => command.argument('<file>', 'file or folder to read'),
    'Takes JSON lines (plain or gzip), the log.offset of ssb-db, the log.bipf of ssb-db2, or the folder of such a node, whose secret stays where it is. Messages that are here already are skipped, so an import that was broken off can be done again.',
  ).action(async (file) => {
    const { importFile } = await import('./commands/import.js')
    finish(await importFile(context, file))
  })

  add(
    'export',
    'writes messages as JSON lines, each exactly as it was signed',
    ['dunbar export | gzip > messages.jsonl.gz'],
    (command) => command.option('--feed <id>', 'only the messages of this feed'),
  ).action(async (options) => {
    const { exportMessages } = await import('./commands/export.js')
    finish(await exportMessages(context, options))
  })

  add(
    'pack <file> <folder>',
    'packs messages into blocks, a third of their size, without a node',
    ['dunbar pack messages.jsonl packed', 'dunbar unpack packed > messages.jsonl'],
    () => {},
    'Reads what "dunbar import" reads. Says what the blocks spend their bytes on, beside gzip and brotli of the same messages. Signatures are kept, not checked. Exit code 1 where a message was left out.',
  ).action(async (file, folder) => {
    const { packFile } = await import('./commands/pack.js')
    finish(await packFile(context, file, folder))
  })

  add(
    'unpack <folder>',
    'writes the messages of a packed folder as JSON lines, each exactly as it was signed',
    ['dunbar unpack packed | gzip > messages.jsonl.gz'],
    () => {},
    'Feed after feed, and without the times when messages were received, which blocks do not hold.',
  ).action(async (folder) => {
    const { unpackFolder } = await import('./commands/unpack.js')
    finish(await unpackFolder(context, folder))
  })

  add('feeds', 'lists the feeds that the node holds', ['dunbar feeds --json']).action(async () => {
    const { listFeeds } = await import('./commands/feeds.js')
    finish(await listFeeds(context))
  })

  add(
    'forks',
    'lists the feeds whose authors signed two messages for one place',
    ['dunbar forks --live --json'],
    (command) => command.option('--live', 'go on with new forks as they are seen'),
    'Of each such place the message that came first is kept and the other one refused. "dunbar feeds.forks ID" prints both.',
  ).action(async (options) => {
    const { listForks } = await import('./commands/forks.js')
    finish(await listForks(context, options))
  })

  add(
    'get',
    'prints a message',
    ["dunbar get '%ONGmJa3JdwKxGcTMKdE9FtBhVX0kLRGdZIbPLgr8Sto=.sha256'"],
    (command) => command.argument('<key>', 'key of the message'),
  ).action(async (key) => {
    const { getMessage } = await import('./commands/get.js')
    finish(await getMessage(context, key))
  })

  add(
    'tangle',
    'shows a thread as a tree, or its messages in causal order with --json',
    ["dunbar tangle '%ONGmJa3JdwKxGcTMKdE9FtBhVX0kLRGdZIbPLgr8Sto=.sha256' --live"],
    (command) =>
      command
        .argument('<root>', 'key of the first message')
        .option('--live', 'go on with new messages as they come'),
  ).action(async (root, options) => {
    const { readTangle } = await import('./commands/tangle.js')
    finish(await readTangle(context, root, options))
  })

  add(
    'publish',
    'signs a message and appends it to the own feed',
    ['dunbar publish --type post --text "hello"', 'echo \'{"type":"vote"}\' | dunbar publish .'],
    (command) =>
      command
        .argument('[content]', '"." or JSON')
        .option('--type <type>', 'type of the message, such as post')
        .option('--text <text>', 'text of a post')
        .option('--root <key>', 'first message of the thread that this answers')
        .option('--branch <key...>', 'messages that this answers; default the newest of the thread')
        .option('--recps <id...>', 'feeds that alone may read it')
        .allowUnknownOption()
        .allowExcessArguments(),
    'Options make the content, also others than these; "." instead reads it as JSON from the standard input.',
  ).action(async () => {
    const { publish } = await import('./commands/publish.js')
    finish(await publish(context, words))
  })

  add('status', 'shows how the node and its shards are', ['dunbar status --json'], (command) =>
    command.option('--running', 'only of a node that runs; exit code 1 where none does'),
  ).action(async (options) => {
    const { showStatus } = await import('./commands/status.js')
    finish(await showStatus(context, options))
  })

  add('verify', 'checks every stored message again; exit code 1 if any is damaged', [
    'dunbar verify',
  ]).action(async () => {
    const { verify } = await import('./commands/verify.js')
    finish(await verify(context))
  })

  add('rebuild', 'folds the indexes again from the messages; exit code 1 if a feed can not be', [
    'dunbar rebuild',
  ]).action(async () => {
    const { rebuild } = await import('./commands/rebuild.js')
    finish(await rebuild(context))
  })

  const archiveWords = {
    archive: {
      description: 'packs the older messages of feeds into blocks, about 40 % of the size',
      more: 'All is read, served and checked as before; a single old message takes a little longer. The newest messages of each feed stay as they are, and so do feeds with few.',
    },
    unarchive: {
      description: 'takes the messages of feeds out of their blocks',
      more: 'The disk needs room for both until a feed is done.',
    },
  }
  for (const [word, { description, more }] of Object.entries(archiveWords)) {
    add(
      word,
      description,
      [`dunbar ${word} --all`],
      (command) =>
        command
          .option('--feed <id>', 'the messages of this feed')
          .option('--all', 'those of all feeds'),
      more,
    ).action(async (options) => {
      const { archive } = await import('./commands/archive.js')
      finish(await archive(context, word as keyof typeof archiveWords, options))
    })
  }

  add(
    'connect',
    'connects the running node to a peer and remembers the address',
    ["dunbar connect 'net:192.168.1.20:8008~shs:iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w='"],
    (command) => command.argument('<address>', 'multiserver address, as "dunbar start" prints it'),
  ).action(async (address) => {
    const { connectPeer } = await import('./commands/connect.js')
    finish(await connectPeer(context, address))
  })

  add('peers', 'lists the peers that the running node is connected to', [
    'dunbar peers --json',
  ]).action(async () => {
    const { listPeers } = await import('./commands/peers.js')
    finish(await listPeers(context))
  })

  add(
    'sync',
    'fetches what a peer has of the feeds within the hops, and ends',
    ["dunbar sync --from 'net:192.168.1.20:8008~shs:iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w='"],
    (command) =>
      command
        .requiredOption('--from <address>', 'multiserver address of the peer')
        .option('--all', 'all feeds that the peer has, whoever follows them'),
    "The peer's own feed is fetched in any case, so that a new node has a place to begin.",
  ).action(async (options) => {
    const { sync } = await import('./commands/sync.js')
    finish(await sync(context, options))
  })

  const contactWords = {
    follow:
      "fetches a feed, and the feeds that it follows, from now on; told in the node's own feed",
    unfollow: 'takes a follow back',
    block: 'exchanges nothing with a feed, in either direction, from now on',
    unblock: 'takes a block back',
  }
  for (const [word, description] of Object.entries(contactWords)) {
    add(
      word,
      description,
      [`dunbar ${word} '@iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=.ed25519'`],
      (command) => command.argument('<id>', 'id of the feed'),
    ).action(async (id) => {
      const { contact } = await import('./commands/contact.js')
      finish(await contact(context, word as keyof typeof contactWords, id))
    })
  }

  add('hops', 'lists how many follows away other feeds are', ['dunbar hops --json']).action(
    async () => {
      const { listHops } = await import('./commands/hops.js')
      finish(await listHops(context))
    },
  )

  add(
    'invite',
    'makes an invite of this node, or accepts one of another',
    ['dunbar invite create --uses 3', 'dunbar invite accept CODE'],
    (command) =>
      command
        .argument('<create|accept>', 'what to do')
        .argument('[code]', 'the invite to accept')
        .option('--uses <count>', 'how many may use it; default 1')
        .option('--note <text>', 'goes into the message by which this node follows the guest')
        .option('--host <name>', 'name or address under which others reach this node'),
  ).action(async (action, code, options) => {
    const { acceptInvite, createInvite } = await import('./commands/invite.js')
    if (action === 'create' && code === undefined) finish(await createInvite(context, options))
    else if (action === 'accept' && code !== undefined) finish(await acceptInvite(context, code))
    else throw new Mistake('"invite create" or "invite accept CODE"')
  })

  add(
    'unlock',
    'has a node publish again that waits for its own newest message',
    ['dunbar unlock'],
    () => {},
    'Only where no other copy of this identity has published since: two messages with one number break the feed for good.',
  ).action(async () => {
    const { unlock } = await import('./commands/unlock.js')
    finish(await unlock(context))
  })

  program.addHelpText(
    'after',
    '\nAny method of the API can be called too, as with ssb-server:\n  $ dunbar whoami\n  $ dunbar createLogStream --limit 1 --reverse\n',
  )
  return program
}

/** The mistake behind an error of the command line, or null where it was a wish for help. */
export function mistakeOf(error: CommanderError): Mistake | null {
  if (error.exitCode === 0 || error.code === 'commander.help') return null
  const [first = '', hint = ''] = error.message.replace(/^error: /, '').split('\n')
  return new Mistake(hint === '' ? first : `${first} ${hint}`)
}
