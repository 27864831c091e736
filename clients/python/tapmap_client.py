"""Lists the TAP and TUN devices of a host with their holders, or watches them."""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

# What protoc makes imports itself as `tapmap.v1`.
sys.path.insert(0, str(Path(__file__).parent / "gen"))

from replay import Replay, record_of  # noqa: E402
from tapmap.v1.tap_binding_service_pb2 import (  # noqa: E402
    ListTapBindingsRequest,
    TapBindingFilter,
    WatchTapBindingsRequest,
)
from tapmap.v1.tap_binding_service_pb2_grpc import TapBindingServiceStub  # noqa: E402

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds

CHANNEL_OPTIONS = [
    # A server that is stopped or hangs keeps its connections: only an unanswered ping shows it.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", int(FIRST_PAUSE * 1000)),
    ("grpc.min_reconnect_backoff_ms", int(FIRST_PAUSE * 1000)),
    ("grpc.max_reconnect_backoff_ms", int(LONGEST_PAUSE * 1000)),
    # The server may be another one after a reconnect: what failed is not remembered for other channels.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
]

# Trying again would not change these.
FINAL = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.UNIMPLEMENTED,
}


def main() -> None:
    options = parse_arguments()
    # An address that is not of this machine wants TLS: grpc.secure_channel(target, grpc.ssl_channel_credentials(...)).
    with grpc.insecure_channel(options.address, CHANNEL_OPTIONS) as channel:
        stub = TapBindingServiceStub(channel)
        filters = [TapBindingFilter(device_name=options.name)] if options.name else []
        try:
            {"list": list_bindings, "watch": watch_bindings}[options.command](stub, filters)
        except grpc.RpcError as error:
            print(f"error: {describe(error)}", file=sys.stderr)
            sys.exit(2 if error.code() is grpc.StatusCode.INVALID_ARGUMENT else 3)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["list", "watch"])
    parser.add_argument("--name", metavar="GLOB", help="only devices of such a name")
    parser.add_argument(
        "--address",
        type=dial_target,
        default=os.environ.get("TAPMAP_ADDRESS") or "unix:///run/tapmap/tapmap.sock",
        help="unix:///PATH or tcp://HOST:PORT (default: $TAPMAP_ADDRESS, else %(default)s)",
    )
    return parser.parse_args()


def dial_target(address: str) -> str:
    if address.startswith("unix:///"):
        return address
    if address.startswith("tcp://"):
        return "dns:///" + address.removeprefix("tcp://")
    raise argparse.ArgumentTypeError(f"{address!r} is not unix:///PATH or tcp://HOST:PORT")


def list_bindings(stub: TapBindingServiceStub, filters: list[TapBindingFilter]) -> None:
    for response in stub.ListTapBindings(ListTapBindingsRequest(filter=filters)):
        for binding in response.bindings:
            print_line(record_of(binding))


def watch_bindings(stub: TapBindingServiceStub, filters: list[TapBindingFilter]) -> None:
    """Goes on until the server gives an answer that trying again does not change."""
    replay = Replay()
    pause = FIRST_PAUSE
    while True:
        request = WatchTapBindingsRequest(filter=filters, resume_token=replay.resume_token)
        reason, wait = "OK", None
        first = True
        try:
            for response in stub.WatchTapBindings(request):
                if first and request.resume_token and not response.HasField("snapshot_begin"):
                    print_line({"event": "resumed"})
                first, pause = False, FIRST_PAUSE
                for event in replay.apply(response):
                    print_line(event)
        except grpc.RpcError as error:
            if error.code() in FINAL:
                raise
            reason, wait = describe(error), retry_delay(error)
        replay.interrupted()
        wait = wait or pause
        print(f"stream ended ({reason}), again in {wait:g} s", file=sys.stderr)
        time.sleep(wait)
        pause = min(2 * pause, LONGEST_PAUSE)


def details(error: grpc.RpcError, kind):
    """The google.rpc messages of a kind that came with the status."""
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        message = kind()
        if detail.Unpack(message):
            yield message


def retry_delay(error: grpc.RpcError) -> float | None:
    """When the server asks to be tried again, in seconds."""
    for retry in details(error, error_details_pb2.RetryInfo):
        return retry.retry_delay.ToTimedelta().total_seconds()
    return None


def describe(error: grpc.RpcError) -> str:
    """The error in one line, with the fields of the request that do not parse."""
    text = error.details()
    for request in details(error, error_details_pb2.BadRequest):
        text = "; ".join(f"{each.field}: {each.description}" for each in request.field_violations)
    return f"{error.code().name}: {text}"


def print_line(value: dict) -> None:
    print(json.dumps(value, ensure_ascii=False, separators=(",", ":")), flush=True)


if __name__ == "__main__":
    # Ends quietly, also when who reads the output has gone.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))
    try:
        main()
    except BrokenPipeError:
        os._exit(0)
