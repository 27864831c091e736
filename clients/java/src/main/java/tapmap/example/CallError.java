package tapmap.example;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.RetryInfo;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.Optional;
import java.util.stream.Collectors;

/** What a failed call tells: google.rpc.Status with its details. */
final class CallError {
  /** The error in one line, with the fields of the request that do not parse. */
  static String describe(StatusRuntimeException error) {
    String text =
        detail(error, BadRequest.class)
            .map(
                request ->
                    request.getFieldViolationsList().stream()
                        .map(field -> field.getField() + ": " + field.getDescription())
                        .collect(Collectors.joining("; ")))
            .orElse(error.getStatus().getDescription());
    // "io exception" alone does not say much.
    String cause = error.getCause() == null ? "" : " (" + error.getCause() + ")";
    return error.getStatus().getCode() + ": " + text + cause;
  }

  /** When the server asks to be tried again. */
  static Optional<Duration> retryDelay(StatusRuntimeException error) {
    return detail(error, RetryInfo.class)
        .map(RetryInfo::getRetryDelay)
        .map(delay -> Duration.ofSeconds(delay.getSeconds(), delay.getNanos()));
  }

  private static <T extends Message> Optional<T> detail(
      StatusRuntimeException error, Class<T> kind) {
    for (Any detail : StatusProto.fromThrowable(error).getDetailsList()) {
      if (!detail.is(kind)) continue;
      try {
        return Optional.of(detail.unpack(kind));
      } catch (InvalidProtocolBufferException broken) {
        // The status itself still tells what happened.
      }
    }
    return Optional.empty();
  }

  private CallError() {}
}
