// Command tapmap-client lists the TAP and TUN devices of a host with their holders, or watches them.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	tapmapv1 "tapmap.example/client/gen/tapmap/v1"
)

const usage = "usage: tapmap-client list|watch [--name GLOB] [--address unix:///PATH|tcp://HOST:PORT]"

var errUsage = errors.New(usage)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "error:", describe(err))
		os.Exit(exitCode(err))
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	name := flags.String("name", "", "")
	address := flags.String("address", os.Getenv("TAPMAP_ADDRESS"), "")
	if err := flags.Parse(args[1:]); err != nil || flags.NArg() > 0 {
		return errUsage
	}
	target, err := dialTarget(*address)
	if err != nil {
		return err
	}
	conn, err := grpc.NewClient(target,
		// An address that is not of this machine wants TLS: credentials.NewTLS(&tls.Config{...}).
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		// A server that is stopped or hangs keeps its connections: only an unanswered ping shows it.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstPause, Multiplier: 2, MaxDelay: longestPause},
			MinConnectTimeout: longestPause,
		}),
	)
	if err != nil {
		return err
	}
	defer conn.Close()

	var filter []*tapmapv1.TapBindingFilter
	if *name != "" {
		filter = append(filter, &tapmapv1.TapBindingFilter{DeviceName: *name})
	}
	client := tapmapv1.NewTapBindingServiceClient(conn)
	switch args[0] {
	case "list":
		return list(ctx, client, filter)
	case "watch":
		return watch(ctx, client, filter)
	default:
		return errUsage
	}
}

func list(ctx context.Context, client tapmapv1.TapBindingServiceClient, filter []*tapmapv1.TapBindingFilter) error {
	stream, err := client.ListTapBindings(ctx, &tapmapv1.ListTapBindingsRequest{Filter: filter})
	if err != nil {
		return err
	}
	for {
		response, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for _, binding := range response.GetBindings() {
			printLine(recordOf(binding))
		}
	}
}

func dialTarget(address string) (string, error) {
	switch {
	case address == "":
		return "unix:///run/tapmap/tapmap.sock", nil
	case strings.HasPrefix(address, "unix:///"):
		return address, nil
	case strings.HasPrefix(address, "tcp://"):
		return "dns:///" + strings.TrimPrefix(address, "tcp://"), nil
	default:
		return "", errUsage
	}
}

// describe is the error in one line, with the fields of the request that do not parse.
func describe(err error) string {
	failure, ok := status.FromError(err)
	if !ok {
		return err.Error()
	}
	text := failure.Message()
	for _, detail := range failure.Details() {
		if request, ok := detail.(*errdetails.BadRequest); ok {
			var fields []string
			for _, violation := range request.GetFieldViolations() {
				fields = append(fields, violation.GetField()+": "+violation.GetDescription())
			}
			text = strings.Join(fields, "; ")
		}
	}
	return fmt.Sprintf("%s: %s", codeNames[failure.Code()], text)
}

// codeNames are the names as the gRPC specification spells them; Go's own are CamelCase.
var codeNames = map[codes.Code]string{
	codes.Canceled: "CANCELLED", codes.Unknown: "UNKNOWN", codes.InvalidArgument: "INVALID_ARGUMENT",
	codes.DeadlineExceeded: "DEADLINE_EXCEEDED", codes.PermissionDenied: "PERMISSION_DENIED",
	codes.ResourceExhausted: "RESOURCE_EXHAUSTED", codes.Aborted: "ABORTED", codes.Unimplemented: "UNIMPLEMENTED",
	codes.Internal: "INTERNAL", codes.Unavailable: "UNAVAILABLE", codes.Unauthenticated: "UNAUTHENTICATED",
}

func exitCode(err error) int {
	if errors.Is(err, errUsage) || status.Code(err) == codes.InvalidArgument {
		return 2
	}
	return 3
}

func printLine(value any) {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		os.Exit(0) // The reader of the output has gone.
	}
}
