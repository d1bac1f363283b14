import { expect, it } from 'vitest'
import { forwardedLog, joinThread, logSink, supervisor, thread } from '../src/index.js'
import { parts, simulatedKernel } from './simulated-kernel.js'

it('writes the log lines of a thread, early ones too, with the logger of the hub', async () => {
  const lines: string[] = []
  const { kernel, simulation, threads } = simulatedKernel({
    entries: {
      logging: ({ name, port, ports }) => {
        const { logger, child } = forwardedLog(name)
        logger.log('info', 'early', 'before the thread has joined')
        const tree = () => supervisor({ name: 's', children: [child] })
        return joinThread({ port, ports: { ...ports, logger }, tree }).then(() =>
          logger.log('warn', 'late', 'after it has', { count: 2 }),
        )
      },
    },
  })
  const sink = logSink({
    ...parts().logger,
    log: (level, room, text, data) => lines.push(`${level} ${room} ${text} ${data?.count ?? ''}`),
  })
  await simulation.run(
    kernel.start(
      supervisor({
        name: 'root',
        children: [sink, thread({ name: 't', host: threads, entry: 'logging' })],
      }),
    ),
  )
  await simulation.runUntilIdle()
  expect(lines).toEqual(['info early before the thread has joined ', 'warn late after it has 2'])
})
