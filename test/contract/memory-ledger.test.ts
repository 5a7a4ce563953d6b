import { memoryLedger } from '../../functions/core/memory-ledger.ts'
import { ledgerContract } from './ledger.ts'

ledgerContract('memoryLedger()', memoryLedger)
