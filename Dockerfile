# tapmap as a container that looks at the host it runs on.
#
#   docker build -t tapmap .
#   docker run --rm --name tapmap \
#     --pid=host --network=host --cgroupns=host \
#     --cap-drop=ALL \
#     --cap-add=SYS_PTRACE --cap-add=DAC_READ_SEARCH --cap-add=NET_ADMIN --cap-add=NET_BROADCAST --cap-add=SYS_ADMIN \
#     --cap-add=SETUID --cap-add=SETGID --cap-add=CHOWN --cap-add=KILL \
#     --security-opt apparmor=unconfined \
#     --volume /run/netns:/run/netns:ro,rslave \
#     --volume /run/tapmap:/run/tapmap \
#     tapmap
#   docker exec tapmap tapmap list
#
# --pid=host       the processes that may hold devices are the host's
# --network=host   "the host's network namespace" is then the host's, as the service tells it
# --cgroupns=host  cgroup paths, which tell a holder's container or unit, are whole
# SYS_PTRACE       pidfd_getfd(2) and kcmp(2) on other processes; /proc/PID/fd; the state of container
#                  engines and the names of users, behind /proc/1/root
# DAC_READ_SEARCH  /proc/PID/fd of other users
# NET_ADMIN        TUNGETDEVNETNS, which tells the network namespace that a device is in now
# SYS_ADMIN        setns(2) into each network namespace, to list its devices; loading the BPF finder (which
#                  BPF and PERFMON alone would allow, too)
# SETUID, SETGID   the server process gives up root
# CHOWN            the socket's owner
# KILL             the supervisor ends the server, which is another user by then
# apparmor         the engine's default profile refuses ptrace access to processes outside of it
# /run/netns       paths of named namespaces, also those that come later (rslave)
# /run/tapmap      the socket, for clients on the host
#
# Without one of these it starts all the same, and says in its coverage what it could not see. It needs
# no /dev/net/tun of its own: it copies the descriptors of those who have one.
# Node 20 is the oldest that works; glibc, for which koffi ships prebuilt code (as it does for musl).

FROM node:20-bookworm-slim AS build
WORKDIR /tapmap
# The BPF finder is compiled once for all kernels; libbpf fits it to the one it runs on.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends clang libbpf-dev \
  && rm -rf /var/lib/apt/lists/*
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-progress
COPY tsconfig.json tsconfig.build.json ./
COPY proto proto
COPY src src
COPY bpf bpf
COPY tools/bpf.mjs tools/build-bpf.mjs tools/
RUN npm run build \
  && npm run build:bpf \
  && npm prune --omit=dev \
  && rm -f dist/.tsbuildinfo

FROM node:20-bookworm-slim
RUN apt-get update \
  && apt-get install --yes --no-install-recommends libbpf1 \
  && rm -rf /var/lib/apt/lists/*
COPY --from=build /tapmap/package.json /opt/tapmap/package.json
COPY --from=build /tapmap/node_modules /opt/tapmap/node_modules
COPY --from=build /tapmap/dist /opt/tapmap/dist
COPY --from=build /tapmap/proto /opt/tapmap/proto
COPY LICENSE /opt/tapmap/LICENSE
RUN ln -s /opt/tapmap/dist/main.js /usr/local/bin/tapmap \
  && mkdir /run/tapmap
ENV NODE_ENV=production
# Root until the server has bound its sockets: tapmap itself gives up what each process does not need.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/opt/tapmap/dist/main.js"]
CMD ["serve"]
