export { EffectRunner, type EffectRunnerOptions } from './runner.ts'
