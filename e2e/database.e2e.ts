// Suites that share a stack of all services: the second fills its tables, and is hard on its Kafka.
import './durability.e2e.ts'
import './plans.e2e.ts'
