export * as bipf2 from './bipf2-generated.js'
