/** Whether a handler gave a promise. One that did not costs no promise and no turn. */
export const isThenable = <Value>(value: Value | Promise<Value>): value is Promise<Value> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
