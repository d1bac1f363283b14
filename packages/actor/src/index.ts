export * from './behaviour.js'
export * from './ports.js'
