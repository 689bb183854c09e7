// Imports go one way: services -> messaging -> {contracts, storage}; http stands beside messaging.
// stack/, e2e/ and bench/ start services as processes; nothing imports a service.
const tests = '\\.(unit|int|e2e|fixture)\\.ts$'
const outside = (...allowed) => ({ path: '^(packages|services|stack|testing|e2e|bench)/', pathNot: allowed })

/** Production files of `from` may import from `allowed` only (and from npm). */
const only = (name, from, ...allowed) => ({
  name,
  severity: 'error',
  from: { path: from, pathNot: tests },
  to: outside(from, ...allowed),
})

module.exports = {
  forbidden: [
    only('contracts-stand-alone', '^packages/contracts/'),
    only('storage-stands-alone', '^packages/storage/'),
    only('messaging-on-contracts-and-storage', '^packages/messaging/', '^packages/(contracts|storage)/'),
    only('http-beside-messaging', '^packages/http/', '^packages/contracts/'),
    only('service-above-the-packages', '^packages/service/', '^packages/'),
    {
      name: 'services-on-packages',
      severity: 'error',
      from: { path: '^services/([^/]+)/', pathNot: tests },
      to: outside('^services/$1/', '^packages/'),
    },
    only('stack-starts-services-as-processes', '^stack/', '^packages/(contracts|messaging)/'),
    only('testing-uses-the-stack-as-a-process', '^testing/', '^packages/contracts/'),
    {
      name: 'no-import-of-a-service',
      comment: 'Other services, the stack, e2e tests and benches talk to it as a process.',
      severity: 'error',
      from: { pathNot: '^services/([^/]+)/' },
      to: { path: '^services/' },
    },
    {
      name: 'kafka-client-behind-its-adapter',
      severity: 'error',
      // A test or a bench may look at the topic with the client itself.
      from: { pathNot: ['^packages/messaging/src/kafka/', '^(e2e|bench)/', tests] },
      to: { path: '@platformatic/kafka' },
    },
    {
      name: 'no-testing-in-production',
      severity: 'error',
      from: { path: '^(packages|services|stack)/', pathNot: tests },
      to: { path: ['^testing/', tests] },
    },
    {
      name: 'no-cycle',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'declared-in-package-json',
      severity: 'error',
      from: { pathNot: ['^(testing|e2e|bench)/', tests] },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    // TypeScript 7 has no API for it to parse with.
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
}
