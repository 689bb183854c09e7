// @inorder/messaging/effects: slow work after a commit. README.md explains it; the workspace imports the files themselves.
export { type Call, type EffectKind, EffectRefused, OutcomeUnknown, type StoredEffect } from '../inbox/effect.ts'
export type { EffectOps } from './operator.ts'
export type { HeldEffect, ShownEffect } from './ops.ts'
export { EffectRunner, type EffectRunnerOptions } from './runner.ts'
