import type { Timers } from '@dunbar/actor'
import { CodedError } from '@dunbar/core'
import type { Method, MethodCall } from '@dunbar/wire'
import { ItemStream } from '@dunbar/wire'
import { AppCallbacks } from './app-callbacks.js'
import type { ArchiveWatch } from './archive-watch.js'
import { knownOptions } from './options.js'
import type { ArchiveEvent, ArchiveNowOptions, OwnArchiver } from './own-archiver.js'
import { Registrations } from './registrations.js'

export interface ArchiveServices {
  readonly archiver: OwnArchiver
  readonly watch: ArchiveWatch
  readonly timers: Timers
}

/** Readers of events at once. */
const MAX_READERS = 64
/** Events that may wait for a reader. */
const MAX_EVENTS = 256

/**
 * `archive.*`, for local clients.
 *
 * | method | type | |
 * | --- | --- | --- |
 * | `archive.configure` | async | settings, those that are given in place of the old ones |
 * | `archive.now` | async | archives at once; the archives that were made |
 * | `archive.status` | async | |
 * | `archive.events` | source | how archiving goes on |
 * | `archive.preconditions` | duplex | questions before each archive, see `app-callbacks.ts` |
 * | `archive.verifications` | duplex | questions before each verification, and results |
 */
export function archiveMethods(services: ArchiveServices): Method[] {
  const { archiver, watch } = services
  const readers = new Registrations<object>('readers of archive.events', MAX_READERS)
  return [
    {
      name: 'archive.configure',
      type: 'async',
      handler: ([given]) => archiver.configure(given),
    },
    {
      name: 'archive.now',
      type: 'async',
      handler: ([given]) => archiver.archiveNow(nowOptions(given)),
    },
    {
      name: 'archive.status',
      type: 'async',
      handler: async () => ({ ...(await archiver.status()), verifications: watch.count }),
    },
    {
      name: 'archive.events',
      type: 'source',
      handler: (_args, { connection }) => events(archiver, readers, connection),
    },
    {
      name: 'archive.preconditions',
      type: 'duplex',
      handler: (_args, call) =>
        register(services, call, (app) => archiver.addPrecondition(call.connection, app)),
    },
    {
      name: 'archive.verifications',
      type: 'duplex',
      handler: (_args, call) => register(services, call, (app) => watch.add(call.connection, app)),
    },
  ]
}

function events(
  archiver: OwnArchiver,
  readers: Registrations<object>,
  connection: object,
): AsyncIterable<unknown> {
  let leave = (): void => {}
  const stream = new ItemStream<ArchiveEvent>(MAX_EVENTS, 'fail', () => leave())
  const remove = readers.add(connection, stream)
  const deafen = archiver.onEvent((event) => stream.push(event))
  leave = () => {
    deafen()
    remove()
  }
  return stream
}

/** An app on the other end of a duplex, until it leaves. */
function register(
  { timers }: ArchiveServices,
  call: MethodCall,
  add: (app: AppCallbacks) => () => void,
): AsyncIterable<unknown> {
  let remove = (): void => {}
  const app = new AppCallbacks(timers, () => remove())
  remove = add(app)
  void app.read(call.input)
  return app.output
}

function nowOptions(given: unknown): ArchiveNowOptions {
  const { keepMessages, partial } = knownOptions('archive.now', given, ['keepMessages', 'partial'])
  if (
    keepMessages !== undefined &&
    !(Number.isSafeInteger(keepMessages) && Number(keepMessages) >= 0)
  ) {
    throw new CodedError('BAD_ARGUMENT', 'archive.now: keepMessages must be a whole number', {})
  }
  if (partial !== undefined && typeof partial !== 'boolean') {
    throw new CodedError('BAD_ARGUMENT', 'archive.now: partial must be true or false', {})
  }
  return {
    ...(keepMessages === undefined ? {} : { keepMessages: keepMessages as number }),
    ...(partial === undefined ? {} : { partial }),
  }
}
