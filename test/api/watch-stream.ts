/** A watch stream as a client sees it: its messages, its end, and the state that they replay to. */
import type { ClientReadableStream, StatusObject } from '@grpc/grpc-js';
import type { Coverage } from '../../src/gen/tapmap/v1/coverage.js';
import type { TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import type {
  Change,
  WatchTapBindingsResponse,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { ChangeType } from '../../src/gen/tapmap/v1/tap_binding_service.js';

type Event = NonNullable<WatchTapBindingsResponse['event']>;
type EventOf<Case extends Event['$case']> = Extract<Event, { $case: Case }>['value'];

export class WatchStream {
  readonly messages: WatchTapBindingsResponse[] = [];
  readonly replay = new Replay();
  readonly status: Promise<StatusObject>;
  readonly #call: ClientReadableStream<WatchTapBindingsResponse>;
  #ended: StatusObject | null = null;
  #wake: () => void = () => undefined;

  constructor(call: ClientReadableStream<WatchTapBindingsResponse>) {
    this.#call = call;
    this.status = new Promise((resolve) => {
      call.on('status', (status) => {
        this.#ended = status;
        resolve(status);
        this.#wake();
      });
    });
    // Told by the status too.
    call.on('error', () => undefined);
    call.on('data', (message: WatchTapBindingsResponse) => {
      this.messages.push(message);
      this.replay.take(message);
      this.#wake();
    });
  }

  /** Resolves once `condition` holds; rejects after 10 s and when the stream ends without it. */
  async until(what: string, condition: () => boolean): Promise<void> {
    const late = Symbol('late');
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<symbol>((resolve) => {
      timer = setTimeout(resolve, 10_000, late);
    });
    try {
      while (!condition()) {
        if (this.#ended !== null) throw new Error(`ended before ${what}: ${this.#ended.details}`);
        const woken = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        if ((await Promise.race([woken, deadline])) === late) throw new Error(`no ${what} in time`);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves once the client is told to be at `revision` or later. */
  async reached(revision: number): Promise<void> {
    await this.until(`revision ${revision}`, () => this.replay.revision >= revision);
  }

  async messageCount(count: number): Promise<void> {
    await this.until(`message ${count}`, () => this.messages.length >= count);
  }

  /** Names of the events so far. */
  get cases(): string[] {
    return this.messages.map(({ event }) => event?.$case ?? 'none');
  }

  /** Values of all events of one case so far. */
  events<Case extends Event['$case']>($case: Case): EventOf<Case>[] {
    const values: EventOf<Case>[] = [];
    for (const { event } of this.messages) {
      if (event?.$case === $case) values.push(event.value as EventOf<Case>);
    }
    return values;
  }

  /** All changes so far, whatever message they came in. */
  get changes(): Change[] {
    return this.events('changes').flatMap(({ changes }) => changes);
  }

  /** The changes that a revision brought. */
  changesOf(revision: number): Change[] {
    return this.messages
      .filter((message) => message.revision === BigInt(revision))
      .flatMap(({ event }) => (event?.$case === 'changes' ? event.value.changes : []));
  }

  get lastToken(): string {
    const token = this.messages.findLast(({ resumeToken }) => resumeToken !== '')?.resumeToken;
    if (token === undefined) throw new Error('no token yet');
    return token;
  }

  /** Stops reading, so that the server has to wait. */
  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  async cancel(): Promise<void> {
    this.#call.cancel();
    await this.status;
  }
}

/** What the comments of the proto tell a client to do. */
export class Replay {
  /** By name, as of `revision`. */
  readonly bindings = new Map<string, TapBinding>();
  /** The revision that is reached with all that was said of it. */
  revision = 0;
  coverage: Coverage | null = null;
  /** Whether it is an error when something is removed that was never added. */
  strict = true;
  /** Called whenever a revision is complete. */
  onRevision: (revision: number) => void = () => undefined;
  #snapshot: Set<string> | null = null;
  #batch: Change[] = [];

  take({ event, revision }: WatchTapBindingsResponse): void {
    switch (event?.$case) {
      case 'snapshotBegin':
        this.#snapshot = new Set();
        return;
      case 'changes':
        this.#batch.push(...event.value.changes);
        if (event.value.more) return;
        this.#apply();
        if (this.#snapshot !== null) return;
        break;
      case 'coverage':
        this.coverage = event.value;
        if (this.#snapshot !== null) return;
        break;
      case 'snapshotEnd':
        for (const name of this.bindings.keys()) {
          if (this.#snapshot?.has(name) !== true) this.bindings.delete(name);
        }
        this.#snapshot = null;
    }
    this.revision = Number(revision);
    this.onRevision(this.revision);
  }

  #apply(): void {
    const removed = new Set<string>();
    for (const { type, binding } of this.#batch) {
      if (type === ChangeType.CHANGE_TYPE_REMOVED) removed.add(binding?.name ?? '');
    }
    const changed = new Set<string>();
    for (const { type, binding, coalesced, movedFrom } of this.#batch) {
      if (binding === undefined) throw new Error('a change without a binding');
      if (changed.has(binding.name)) throw new Error(`two changes of ${binding.name} at once`);
      changed.add(binding.name);
      if (coalesced < 1) throw new Error(`a change that stands for ${coalesced}`);
      if (movedFrom !== '' && !removed.has(movedFrom)) {
        throw new Error(`${binding.name} moved from ${movedFrom}, which was not removed`);
      }
      const known = this.bindings.has(binding.name);
      if (this.#snapshot !== null) this.#snapshot.add(binding.name);
      else if (this.strict && known === (type === ChangeType.CHANGE_TYPE_ADDED)) {
        throw new Error(`change ${type} of ${binding.name}, which is ${known ? '' : 'not '}known`);
      }
      if (type === ChangeType.CHANGE_TYPE_REMOVED) this.bindings.delete(binding.name);
      else this.bindings.set(binding.name, binding);
    }
    this.#batch = [];
  }
}
