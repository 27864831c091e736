package tapmap.example;

import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import tapmap.v1.TapBindingFilter;
import tapmap.v1.TapBindingServiceGrpc;
import tapmap.v1.WatchTapBindingsRequest;

/** A watch that outlives the server: it reconnects, and goes on where it was. */
final class Watch {
  private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);

  /** Trying again would not change these. */
  private static final Set<Status.Code> FINAL =
      Set.of(
          Status.Code.INVALID_ARGUMENT,
          Status.Code.PERMISSION_DENIED,
          Status.Code.UNAUTHENTICATED,
          Status.Code.UNIMPLEMENTED);

  private final ManagedChannel channel;
  private final TapBindingFilter filter;
  private final Replay replay = new Replay();
  private Duration pause = FIRST_PAUSE;

  Watch(ManagedChannel channel, TapBindingFilter filter) {
    this.channel = channel;
    this.filter = filter;
  }

  /** Goes on until the server gives an answer that trying again does not change. */
  void run() throws InterruptedException {
    while (true) {
      String reason = "OK";
      Duration asked = null;
      try {
        watchOnce();
      } catch (StatusRuntimeException error) {
        if (FINAL.contains(error.getStatus().getCode())) throw error;
        reason = CallError.describe(error);
        asked = CallError.retryDelay(error).orElse(null);
      }
      replay.interrupted();
      Duration wait = asked != null ? asked : pause;
      System.err.printf("stream ended (%s), again in %d ms%n", reason, wait.toMillis());
      Thread.sleep(wait.toMillis());
      Duration longer = pause.multipliedBy(2);
      pause = longer.compareTo(LONGEST_PAUSE) < 0 ? longer : LONGEST_PAUSE;
    }
  }

  private void watchOnce() {
    // The pauses of this loop are enough: the channel has longer ones of its own.
    channel.resetConnectBackoff();
    String token = replay.resumeToken();
    var request =
        WatchTapBindingsRequest.newBuilder().addFilter(filter).setResumeToken(token).build();
    boolean first = true;
    var responses = TapBindingServiceGrpc.newBlockingStub(channel).watchTapBindings(request);
    while (responses.hasNext()) {
      var response = responses.next();
      if (first && !token.isEmpty() && !response.hasSnapshotBegin()) {
        TapmapClient.printLine(Map.of("event", "resumed"));
      }
      first = false;
      pause = FIRST_PAUSE;
      replay.apply(response).forEach(TapmapClient::printLine);
    }
  }
}
