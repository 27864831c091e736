package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	tapmapv1 "tapmap.example/client/gen/tapmap/v1"
)

type record struct {
	Name    string   `json:"name"`
	Device  string   `json:"device"`
	Netns   string   `json:"netns"`
	Verdict string   `json:"verdict"`
	Holders []holder `json:"holders"`
}

type holder struct {
	Pid  uint32 `json:"pid"`
	Comm string `json:"comm"`
}

func recordOf(binding *tapmapv1.TapBinding) record {
	netns := binding.GetDevice().GetNetns()
	place := fmt.Sprintf("net:[%d]", netns.GetInode())
	if paths := netns.GetPaths(); len(paths) > 0 {
		place = paths[0]
	}
	holders := []holder{}
	for _, one := range binding.GetHolders() {
		holders = append(holders, holder{one.GetProcess().GetPid(), one.GetProcess().GetComm()})
	}
	return record{
		Name:    binding.GetName(),
		Device:  binding.GetDevice().GetName(),
		Netns:   place,
		Verdict: strings.TrimPrefix(binding.GetVerdict().String(), "VERDICT_"),
		Holders: holders,
	}
}

type (
	snapshotEvent struct {
		Event    string   `json:"event"`
		Reason   string   `json:"reason"`
		Dropped  []string `json:"dropped"`
		Bindings []record `json:"bindings"`
	}
	addedEvent struct {
		Event     string `json:"event"`
		MovedFrom string `json:"moved_from"`
		Binding   record `json:"binding"`
	}
	modifiedEvent struct {
		Event   string   `json:"event"`
		Fields  []string `json:"fields"`
		Binding record   `json:"binding"`
	}
	removedEvent struct {
		Event   string `json:"event"`
		Binding record `json:"binding"`
	}
	coverageEvent struct {
		Event string `json:"event"`
		Stale bool   `json:"stale"`
	}
)

type bindings map[string]*tapmapv1.TapBinding

// replay is what is known of the host after the messages so far.
type replay struct {
	known bindings
	// Where to go on after a reconnect: the token of the last message that had one.
	resumeToken string
	// What came of a snapshot so far; nil outside of one.
	snapshot bindings
	reason   tapmapv1.SnapshotReason
	// What came of a batch so far.
	batch []*tapmapv1.Change
	stale bool
}

func newReplay() *replay { return &replay{known: bindings{}} }

// interrupted forgets what was incomplete: it comes again, whole.
func (r *replay) interrupted() {
	r.snapshot, r.batch = nil, nil
}

// apply takes in one message and tells what it makes different.
func (r *replay) apply(response *tapmapv1.WatchTapBindingsResponse) (events []any) {
	switch event := response.GetEvent().(type) {
	case *tapmapv1.WatchTapBindingsResponse_SnapshotBegin:
		r.snapshot, r.reason = bindings{}, event.SnapshotBegin.GetReason()
	case *tapmapv1.WatchTapBindingsResponse_Changes:
		if r.snapshot != nil {
			for _, change := range event.Changes.GetChanges() {
				r.snapshot[change.GetBinding().GetName()] = change.GetBinding()
			}
			break
		}
		r.batch = append(r.batch, event.Changes.GetChanges()...)
		if !event.Changes.GetMore() {
			events = r.applyBatch()
		}
	case *tapmapv1.WatchTapBindingsResponse_SnapshotEnd:
		events = append(events, r.endSnapshot())
	case *tapmapv1.WatchTapBindingsResponse_Coverage:
		if stale := event.Coverage.GetStale() != nil; stale != r.stale {
			r.stale = stale
			events = append(events, coverageEvent{"coverage", stale})
		}
	}
	if token := response.GetResumeToken(); token != "" {
		r.resumeToken = token
	}
	return events
}

func (r *replay) applyBatch() (events []any) {
	for _, change := range r.batch {
		binding := change.GetBinding()
		switch change.GetType() {
		case tapmapv1.ChangeType_CHANGE_TYPE_ADDED:
			r.known[binding.GetName()] = binding
			events = append(events, addedEvent{"added", change.GetMovedFrom(), recordOf(binding)})
		case tapmapv1.ChangeType_CHANGE_TYPE_MODIFIED:
			r.known[binding.GetName()] = binding
			fields := append([]string{}, change.GetChangedFields().GetPaths()...)
			events = append(events, modifiedEvent{"modified", fields, recordOf(binding)})
		case tapmapv1.ChangeType_CHANGE_TYPE_REMOVED:
			delete(r.known, binding.GetName())
			events = append(events, removedEvent{"removed", recordOf(binding)})
		}
	}
	r.batch = nil
	return events
}

// endSnapshot drops what was known and is not in the snapshot.
func (r *replay) endSnapshot() snapshotEvent {
	dropped := []string{}
	for _, name := range slices.Sorted(maps.Keys(r.known)) {
		if _, still := r.snapshot[name]; !still {
			dropped = append(dropped, name)
		}
	}
	r.known, r.snapshot = r.snapshot, nil
	records := []record{}
	for _, name := range slices.Sorted(maps.Keys(r.known)) {
		records = append(records, recordOf(r.known[name]))
	}
	return snapshotEvent{"snapshot", strings.TrimPrefix(r.reason.String(), "SNAPSHOT_REASON_"), dropped, records}
}
