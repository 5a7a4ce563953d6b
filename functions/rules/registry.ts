import type { Rule } from '../core/rule.ts'
import { miningPool } from './mining-pool/index.ts'
import { reverseTunnel } from './reverse-tunnel/index.ts'

/** All rules. To add one: its folder and its line here; its cases are found beside it. */
export const rules: readonly Rule[] = [reverseTunnel, miningPool]
