// The layers of ARCHITECTURE.md. Each room names the rooms it may import; whatever is not named is
// an error. `gen` is generated code.
const rooms = {
  model: [],
  address: [],
  log: [],
  channel: ['model'],
  kernel: [],
  inspect: ['model', 'kernel'],
  identify: ['model', 'kernel'],
  live: ['inspect', 'kernel', 'model'],
  probe: ['inspect', 'identify', 'live', 'kernel', 'channel', 'log', 'model'],
  store: ['model'],
  documents: [],
  access: ['documents'],
  api: ['access', 'store', 'gen', 'model'],
  metrics: ['api', 'store', 'model'],
  server: [
    ...['metrics', 'api', 'access', 'store', 'channel'],
    ...['documents', 'address', 'log', 'gen', 'model'],
  ],
  supervise: ['log'],
  client: ['address', 'gen'],
  cli: ['client', 'address', 'documents', 'gen'],
  gen: [],
};

// What one file of a room may do beyond its room.
const exceptions = {
  // The one command that starts the processes, and the one that runs without a server.
  'cli/serve.ts': ['supervise'],
  'cli/doctor.ts': ['inspect', 'live'],
  // Who connected to a unix socket only the kernel can tell.
  'server/connection-peers.ts': ['kernel'],
  // And how many files this process may have open.
  'server/connections-max.ts': ['kernel'],
  // Node has no lock that ends with its holder.
  'server/start-lock.ts': ['kernel'],
};

const layerRules = Object.entries(rooms).map(([room, allowed]) => ({
  name: `layer-${room}`,
  severity: 'error',
  comment: `${room}/ may import ${allowed.length === 0 ? 'no other room' : allowed.join(', ')}`,
  from: {
    path: `^src/${room}/`,
    pathNot: Object.keys(exceptions).map((file) => `^src/${file.replace('.', '\\.')}$`),
  },
  to: { path: '^src/', pathNot: [room, ...allowed].map((to) => `^src/${to}/`) },
}));

const exceptionRules = Object.entries(exceptions).map(([file, extra]) => {
  const room = file.split('/')[0];
  return {
    name: `layer-${file}`,
    severity: 'error',
    from: { path: `^src/${file.replace('.', '\\.')}$` },
    to: { path: '^src/', pathNot: [room, ...rooms[room], ...extra].map((to) => `^src/${to}/`) },
  };
});

module.exports = {
  forbidden: [
    ...layerRules,
    ...exceptionRules,
    {
      name: 'every-file-has-a-room',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: [...Object.keys(rooms).map((room) => `^src/${room}/`), '^src/main\\.ts$'],
      },
      to: {},
    },
    { name: 'nothing-imports-main', severity: 'error', from: {}, to: { path: '^src/main\\.ts$' } },
    {
      name: 'no-cycles',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/gen/' },
      to: { circular: true },
    },
    {
      name: 'koffi-in-kernel-only',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/kernel/' },
      to: { path: 'node_modules/koffi' },
    },
    {
      name: 'client-loads-little',
      severity: 'error',
      comment: 'client/ is what other programs import: gRPC and the schema are all that it needs',
      from: { path: '^src/client/' },
      to: {
        path: 'node_modules/',
        pathNot: 'node_modules/(@grpc/grpc-js|@bufbuild/protobuf|@types/node)/',
      },
    },
    {
      name: 'prom-client-in-metrics-only',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/metrics/' },
      to: { path: 'node_modules/prom-client' },
    },
    {
      name: 'no-subprocess-but-in-supervise',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/supervise/' },
      to: { path: '^(node:)?child_process$' },
    },
    {
      name: 'source-imports-no-test',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|tools)/' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};
