export { friendsMethods } from './friends.js'
export { apiMethods } from './methods.js'
export type { NodeFacts } from './node-methods.js'
export { createServices, type Services } from './services.js'
