// Imports go one way: services -> service -> {http, contracts} -> messaging -> storage.
// stack/, e2e/, bench/ and the command line talk to services as processes; nothing imports a service.
const tests = '\\.(unit|int|e2e|mutants|fixture)\\.ts$'
const outside = (...allowed) => ({ path: '^(packages|services|stack|testing|e2e|bench)/', pathNot: allowed })

/** Production files of `from` may import from `allowed` only (and from npm). */
const only = (name, from, ...allowed) => ({
  name,
  severity: 'error',
  from: { path: from, pathNot: tests },
  to: outside(from, ...allowed),
})

/** Each folder may import itself and those before it, types included; there is no other folder. */
const ladder = (root, ...steps) => [
  ...steps.map((step, n) => ({
    name: `ladder-${step}`,
    severity: 'error',
    from: { path: `${root}${step}/`, pathNot: tests },
    to: { path: root, pathNot: steps.slice(0, n + 1).map((below) => `${root}${below}/`) },
  })),
  {
    name: 'ladder-has-no-other-step',
    severity: 'error',
    from: { path: root, pathNot: steps.map((step) => `${root}${step}/`) },
    to: {},
  },
]

module.exports = {
  forbidden: [
    only('storage-stands-alone', '^packages/storage/'),
    only('messaging-on-storage', '^packages/messaging/', '^packages/storage/'),
    only('contracts-on-what-a-topic-is', '^packages/contracts/', '^packages/messaging/src/kafka/'),
    only(
      'http-knows-no-messaging',
      '^packages/http/',
      '^packages/contracts/',
      '^packages/storage/src/(settings|bounded-text).ts$',
    ),
    ...ladder('^packages/messaging/src/', 'kafka', 'outbox', 'inbox', 'effects'),
    only('service-above-the-packages', '^packages/service/', '^packages/'),
    only(
      'cli-on-what-is-asked-and-answered',
      '^packages/cli/',
      '^packages/contracts/',
      '^packages/storage/src/(settings|bounded-text).ts$',
      '^packages/http/src/(loopback|new-key).ts$',
      '^stack/bootstrap.js$',
    ),
    {
      name: 'nothing-on-the-cli',
      severity: 'error',
      // Its tests on a whole stack run its commands in their own process.
      from: { pathNot: ['^packages/cli/', '^e2e/'] },
      to: { path: '^packages/cli/' },
    },
    {
      name: 'services-on-packages',
      severity: 'error',
      from: { path: '^services/([^/]+)/', pathNot: tests },
      to: outside('^services/$1/', '^packages/'),
    },
    only(
      'stack-starts-services-as-processes',
      '^stack/',
      '^packages/(contracts|messaging|storage)/',
      '^packages/http/src/log-',
    ),
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
      name: 'opentelemetry-sdk-only-when-it-is-on',
      comment: 'Loaded by import() where a collector is named; the API alone is there always.',
      severity: 'error',
      from: { pathNot: tests },
      to: { path: '(@opentelemetry/(?!api/)|@fastify/otel)', dynamic: false, dependencyTypesNot: ['type-only'] },
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
      name: 'no-cycle-of-types-either',
      severity: 'error',
      from: { path: '^packages/messaging/' },
      to: { circular: true },
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
