/** Store, probe and gRPC put together: what the server does between start and end. */
import type { Logger } from 'pino';
import { DEFAULT_LIMITS } from '../api/limits.js';
import { tapBindingService, type TapBindingService } from '../api/tapBindingService.js';
import { BindingStore } from '../store/bindingStore.js';
import { announcement } from './announcement.js';
import type { Config } from './config.js';
import { GrpcServer } from './grpc-server.js';
import type { Listener } from './listener.js';
import { ProbeFeed } from './probe-feed.js';
import type { SupervisorLink } from './supervisor-link.js';

/** How long to wait for a first scan before the start is announced without one. */
const ANNOUNCE_MS = 5000;

export interface ServingOptions {
  readonly config: Config;
  readonly link: SupervisorLink;
  readonly log: Logger;
  /** Host name. */
  readonly node: string;
}
