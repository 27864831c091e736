package tapmap.example;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.TreeSet;
import tapmap.v1.Change;
import tapmap.v1.SnapshotReason;
import tapmap.v1.TapBinding;
import tapmap.v1.WatchTapBindingsResponse;

/** What is known of the host after the messages of a watch so far. */
final class Replay {
  sealed interface Event {}

  record SnapshotEvent(
      String event, String reason, List<String> dropped, List<BindingRecord> bindings)
      implements Event {}

  record AddedEvent(String event, String movedFrom, BindingRecord binding) implements Event {}

  record ModifiedEvent(String event, List<String> fields, BindingRecord binding)
      implements Event {}

  record RemovedEvent(String event, BindingRecord binding) implements Event {}

  record CoverageEvent(String event, boolean stale) implements Event {}

  private TreeMap<String, TapBinding> known = new TreeMap<>();
  private String resumeToken = "";

  /** What came of a snapshot so far; null outside of one. */
  private TreeMap<String, TapBinding> snapshot;

  private SnapshotReason reason;

  /** What came of a batch so far. */
  private final List<Change> batch = new ArrayList<>();

  private boolean stale;

  /** Where to go on after a reconnect: the token of the last message that had one. */
  String resumeToken() {
    return resumeToken;
  }

  /** Forgets what was incomplete: it comes again, whole. */
  void interrupted() {
    snapshot = null;
    batch.clear();
  }

  /** Takes in one message and tells what it makes different. */
  List<Event> apply(WatchTapBindingsResponse response) {
    if (!response.getResumeToken().isEmpty()) resumeToken = response.getResumeToken();
    switch (response.getEventCase()) {
      case SNAPSHOT_BEGIN -> {
        snapshot = new TreeMap<>();
        reason = response.getSnapshotBegin().getReason();
      }
      case CHANGES -> {
        var changes = response.getChanges();
        if (snapshot != null) {
          for (Change change : changes.getChangesList()) {
            snapshot.put(change.getBinding().getName(), change.getBinding());
          }
        } else {
          batch.addAll(changes.getChangesList());
          if (!changes.getMore()) return applyBatch();
        }
      }
      case SNAPSHOT_END -> {
        return List.of(endSnapshot());
      }
      case COVERAGE -> {
        boolean isStale = response.getCoverage().hasStale();
        if (isStale != stale) {
          stale = isStale;
          return List.of(new CoverageEvent("coverage", stale));
        }
      }
      default -> {}
    }
    return List.of();
  }

  private List<Event> applyBatch() {
    List<Event> events = batch.stream().map(this::applyChange).toList();
    batch.clear();
    return events;
  }

  private Event applyChange(Change change) {
    TapBinding binding = change.getBinding();
    var record = BindingRecord.of(binding);
    return switch (change.getType()) {
      case CHANGE_TYPE_REMOVED -> {
        known.remove(binding.getName());
        yield new RemovedEvent("removed", record);
      }
      case CHANGE_TYPE_MODIFIED -> {
        known.put(binding.getName(), binding);
        yield new ModifiedEvent("modified", change.getChangedFields().getPathsList(), record);
      }
      default -> {
        known.put(binding.getName(), binding);
        yield new AddedEvent("added", change.getMovedFrom(), record);
      }
    };
  }

  /** Drops what was known and is not in the snapshot. */
  private Event endSnapshot() {
    var dropped = new TreeSet<>(known.keySet());
    dropped.removeAll(snapshot.keySet());
    known = snapshot;
    snapshot = null;
    return new SnapshotEvent(
        "snapshot",
        reason.name().replace("SNAPSHOT_REASON_", ""),
        List.copyOf(dropped),
        known.values().stream().map(BindingRecord::of).toList());
  }
}
