import type { Rule } from '../core/rule.ts'
import { busyGpu } from './busy-gpu/index.ts'
import { dnsTunnel } from './dns-tunnel/index.ts'
import { internalProbing } from './internal-probing/index.ts'
import { miningPool } from './mining-pool/index.ts'
import { reverseTunnel } from './reverse-tunnel/index.ts'
import { toolCall } from './tool-call/index.ts'

/** All rules. To add one: its folder and its line here; its cases have their line in cases.test.ts. */
export const rules: readonly Rule[] = [reverseTunnel, miningPool, internalProbing, dnsTunnel, toolCall, busyGpu]
