export { apiMethods } from './methods.js'
export type { NodeFacts } from './node-methods.js'
export { publishContent } from './messages.js'
export { createServices, feedOf, type Services } from './services.js'
