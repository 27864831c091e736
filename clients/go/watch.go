package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tapmapv1 "tapmap.example/client/gen/tapmap/v1"
)

const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// watch goes on until ctx ends, or the server gives an answer that trying again does not change.
func watch(ctx context.Context, client tapmapv1.TapBindingServiceClient, filter []*tapmapv1.TapBindingFilter) error {
	replay := newReplay()
	pause := firstPause
	for {
		heard, err := watchOnce(ctx, client, filter, replay)
		if ctx.Err() != nil || isFinal(err) {
			return err
		}
		replay.interrupted()
		if heard {
			pause = firstPause
		}
		wait := pause
		if asked := retryDelay(err); asked > 0 {
			wait = asked
		}
		fmt.Fprintf(os.Stderr, "stream ended (%s), again in %v\n", reason(err), wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		pause = min(2*pause, longestPause)
	}
}

// watchOnce takes one stream to its end. An error of io.EOF is the end that a draining server makes.
func watchOnce(ctx context.Context, client tapmapv1.TapBindingServiceClient, filter []*tapmapv1.TapBindingFilter, replay *replay) (heard bool, err error) {
	stream, err := client.WatchTapBindings(ctx, &tapmapv1.WatchTapBindingsRequest{
		Filter:      filter,
		ResumeToken: replay.resumeToken,
	})
	if err != nil {
		return false, err
	}
	for {
		response, err := stream.Recv()
		if err != nil {
			return heard, err
		}
		if !heard && replay.resumeToken != "" && response.GetSnapshotBegin() == nil {
			printLine(map[string]string{"event": "resumed"})
		}
		heard = true
		for _, event := range replay.apply(response) {
			printLine(event)
		}
	}
}

func isFinal(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented:
		return true
	default:
		return false
	}
}

// retryDelay is when the server asks to be tried again; 0 when it does not say.
func retryDelay(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			return retry.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

func reason(err error) string {
	if err == io.EOF {
		return "OK"
	}
	return describe(err)
}
