"""What is known of the host after the messages of a watch so far."""

from collections.abc import Iterator

from tapmap.v1.tap_binding_pb2 import TapBinding, Verdict
from tapmap.v1.tap_binding_service_pb2 import (
    CHANGE_TYPE_MODIFIED,
    CHANGE_TYPE_REMOVED,
    Change,
    SnapshotReason,
    WatchTapBindingsResponse,
)


def record_of(binding: TapBinding) -> dict:
    netns = binding.device.netns
    return {
        "name": binding.name,
        "device": binding.device.name,
        "netns": netns.paths[0] if netns.paths else f"net:[{netns.inode}]",
        "verdict": Verdict.Name(binding.verdict).removeprefix("VERDICT_"),
        "holders": [{"pid": h.process.pid, "comm": h.process.comm} for h in binding.holders],
    }


class Replay:
    def __init__(self) -> None:
        self.known: dict[str, TapBinding] = {}
        #: Where to go on after a reconnect: the token of the last message that had one.
        self.resume_token = ""
        #: What came of a snapshot so far; None outside of one.
        self._snapshot: dict[str, TapBinding] | None = None
        self._reason = ""
        #: What came of a batch so far.
        self._batch: list[Change] = []
        self._stale = False

    def interrupted(self) -> None:
        """Forgets what was incomplete: it comes again, whole."""
        self._snapshot, self._batch = None, []

    def apply(self, response: WatchTapBindingsResponse) -> list[dict]:
        """Takes in one message and tells what it makes different."""
        events = list(self._events(response))
        self.resume_token = response.resume_token or self.resume_token
        return events

    def _events(self, response: WatchTapBindingsResponse) -> Iterator[dict]:
        match response.WhichOneof("event"):
            case "snapshot_begin":
                self._snapshot = {}
                reason = SnapshotReason.Name(response.snapshot_begin.reason)
                self._reason = reason.removeprefix("SNAPSHOT_REASON_")
            case "changes" if self._snapshot is not None:
                self._snapshot |= {c.binding.name: c.binding for c in response.changes.changes}
            case "changes":
                self._batch += response.changes.changes
                if not response.changes.more:
                    batch, self._batch = self._batch, []
                    yield from map(self._apply_change, batch)
            case "snapshot_end":
                yield self._end_snapshot()
            case "coverage":
                stale = response.coverage.HasField("stale")
                if stale != self._stale:
                    self._stale = stale
                    yield {"event": "coverage", "stale": stale}

    def _apply_change(self, change: Change) -> dict:
        name, record = change.binding.name, record_of(change.binding)
        if change.type == CHANGE_TYPE_REMOVED:
            self.known.pop(name, None)
            return {"event": "removed", "binding": record}
        self.known[name] = change.binding
        if change.type == CHANGE_TYPE_MODIFIED:
            fields = list(change.changed_fields.paths)
            return {"event": "modified", "fields": fields, "binding": record}
        return {"event": "added", "moved_from": change.moved_from, "binding": record}

    def _end_snapshot(self) -> dict:
        """Drops what was known and is not in the snapshot."""
        snapshot, self._snapshot = self._snapshot or {}, None
        dropped = sorted(self.known.keys() - snapshot.keys())
        self.known = snapshot
        return {
            "event": "snapshot",
            "reason": self._reason,
            "dropped": dropped,
            "bindings": [record_of(binding) for _, binding in sorted(snapshot.items())],
        }
