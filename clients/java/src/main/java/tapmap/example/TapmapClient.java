package tapmap.example;

import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Iterator;
import java.util.concurrent.TimeUnit;
import tapmap.v1.ListTapBindingsRequest;
import tapmap.v1.TapBindingFilter;
import tapmap.v1.TapBindingServiceGrpc;

/** Lists the TAP and TUN devices of a host with their holders, or watches them. */
public final class TapmapClient {
  private static final String USAGE =
      "usage: tapmap-client list|watch [--name GLOB] [--address unix:///PATH|tcp://HOST:PORT]";

  private static final Gson GSON =
      new GsonBuilder()
          .disableHtmlEscaping()
          .setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES)
          .create();

  private static final PrintStream OUT =
      new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);

  public static void main(String[] args) throws InterruptedException {
    try {
      run(args);
      System.exit(0);
    } catch (IllegalArgumentException error) {
      System.err.println("error: " + error.getMessage());
      System.exit(2);
    } catch (StatusRuntimeException error) {
      System.err.println("error: " + CallError.describe(error));
      System.exit(error.getStatus().getCode() == Status.Code.INVALID_ARGUMENT ? 2 : 3);
    }
  }

  private static void run(String[] args) throws InterruptedException {
    String command = args.length == 0 ? "" : args[0];
    String address = System.getenv().getOrDefault("TAPMAP_ADDRESS", "");
    var filter = TapBindingFilter.newBuilder();
    for (Iterator<String> rest = Arrays.stream(args).skip(1).iterator(); rest.hasNext(); ) {
      String option = rest.next();
      if (!rest.hasNext()) throw new IllegalArgumentException(USAGE);
      switch (option) {
        case "--name" -> filter.setDeviceName(rest.next());
        case "--address" -> address = rest.next();
        default -> throw new IllegalArgumentException(USAGE);
      }
    }
    var channel = connect(address.isEmpty() ? "unix:///run/tapmap/tapmap.sock" : address);
    switch (command) {
      case "list" -> list(channel, filter.build());
      case "watch" -> new Watch(channel, filter.build()).run();
      default -> throw new IllegalArgumentException(USAGE);
    }
  }

  private static ManagedChannel connect(String address) {
    NettyChannelBuilder builder;
    if (address.startsWith("unix:///")) {
      builder =
          NettyChannelBuilder.forAddress(new DomainSocketAddress(address.substring("unix://".length())))
              .eventLoopGroup(new EpollEventLoopGroup(1))
              .channelType(EpollDomainSocketChannel.class)
              // Of TCP, and on by default.
              .withOption(ChannelOption.SO_KEEPALIVE, null)
              .overrideAuthority("localhost");
    } else if (address.startsWith("tcp://")) {
      builder = NettyChannelBuilder.forTarget("dns:///" + address.substring("tcp://".length()));
    } else {
      throw new IllegalArgumentException(USAGE);
    }
    return builder
        // An address that is not of this machine wants TLS: .sslContext(GrpcSslContexts.forClient()...).
        .usePlaintext()
        // A server that is stopped or hangs keeps its connections: only an unanswered ping shows it.
        .keepAliveTime(20, TimeUnit.SECONDS)
        .keepAliveTimeout(10, TimeUnit.SECONDS)
        .build();
  }

  private static void list(ManagedChannel channel, TapBindingFilter filter) {
    var request = ListTapBindingsRequest.newBuilder().addFilter(filter).build();
    TapBindingServiceGrpc.newBlockingStub(channel)
        .listTapBindings(request)
        .forEachRemaining(
            response -> response.getBindingsList().forEach(it -> printLine(BindingRecord.of(it))));
  }

  static void printLine(Object value) {
    OUT.println(GSON.toJson(value));
    // The reader of the output has gone.
    if (OUT.checkError()) System.exit(0);
  }

  private TapmapClient() {}
}
