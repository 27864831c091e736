//! What is known of the host after the messages of a watch so far.

use std::collections::BTreeMap;
use std::mem;

use serde::Serialize;

use crate::tapmap_v1::watch_tap_bindings_response::Event;
use crate::tapmap_v1::{Change, ChangeType, SnapshotReason, TapBinding, WatchTapBindingsResponse};

/// What is printed of a binding.
#[derive(Serialize)]
pub struct Record {
    name: String,
    device: String,
    netns: String,
    verdict: &'static str,
    holders: Vec<HolderRecord>,
}

#[derive(Serialize)]
struct HolderRecord {
    pid: u32,
    comm: String,
}

impl Record {
    pub fn of(binding: &TapBinding) -> Self {
        let device = binding.device.clone().unwrap_or_default();
        let netns = device.netns.unwrap_or_default();
        let inode = netns.inode;
        Record {
            name: binding.name.clone(),
            device: device.name,
            netns: netns.paths.into_iter().next().unwrap_or_else(|| format!("net:[{inode}]")),
            verdict: binding.verdict().as_str_name().trim_start_matches("VERDICT_"),
            holders: binding
                .holders
                .iter()
                .filter_map(|holder| holder.process.as_ref())
                .map(|process| HolderRecord { pid: process.pid, comm: process.comm.clone() })
                .collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum WatchEvent {
    Snapshot { reason: &'static str, dropped: Vec<String>, bindings: Vec<Record> },
    Added { moved_from: String, binding: Record },
    Modified { fields: Vec<String>, binding: Record },
    Removed { binding: Record },
    Coverage { stale: bool },
}

type Bindings = BTreeMap<String, TapBinding>;

#[derive(Default)]
pub struct Replay {
    known: Bindings,
    /// Where to go on after a reconnect: the token of the last message that had one.
    pub resume_token: String,
    /// What came of a snapshot so far.
    snapshot: Option<(SnapshotReason, Bindings)>,
    /// What came of a batch so far.
    batch: Vec<Change>,
    stale: bool,
}

impl Replay {
    /// Forgets what was incomplete: it comes again, whole.
    pub fn interrupted(&mut self) {
        self.snapshot = None;
        self.batch.clear();
    }

    /// Takes in one message and tells what it makes different.
    pub fn apply(&mut self, response: WatchTapBindingsResponse) -> Vec<WatchEvent> {
        if !response.resume_token.is_empty() {
            self.resume_token = response.resume_token;
        }
        match response.event {
            Some(Event::SnapshotBegin(begin)) => {
                self.snapshot = Some((begin.reason(), Bindings::new()));
            }
            Some(Event::Changes(changes)) => match &mut self.snapshot {
                Some((_, snapshot)) => {
                    let bindings = changes.changes.into_iter().filter_map(|it| it.binding);
                    snapshot.extend(bindings.map(|it| (it.name.clone(), it)));
                }
                None => {
                    self.batch.extend(changes.changes);
                    if !changes.more {
                        let batch = mem::take(&mut self.batch);
                        return batch.into_iter().filter_map(|it| self.apply_change(it)).collect();
                    }
                }
            },
            Some(Event::SnapshotEnd(_)) => return self.end_snapshot().into_iter().collect(),
            Some(Event::Coverage(coverage)) => {
                let stale = coverage.stale.is_some();
                if mem::replace(&mut self.stale, stale) != stale {
                    return vec![WatchEvent::Coverage { stale }];
                }
            }
            Some(Event::Progress(_)) | None => {}
        }
        Vec::new()
    }

    fn apply_change(&mut self, change: Change) -> Option<WatchEvent> {
        let kind = change.r#type();
        let new = change.binding?;
        let binding = Record::of(&new);
        if kind == ChangeType::Removed {
            self.known.remove(&new.name);
            return Some(WatchEvent::Removed { binding });
        }
        self.known.insert(new.name.clone(), new);
        Some(if kind == ChangeType::Modified {
            let fields = change.changed_fields.map(|mask| mask.paths).unwrap_or_default();
            WatchEvent::Modified { fields, binding }
        } else {
            WatchEvent::Added { moved_from: change.moved_from, binding }
        })
    }

    /// Drops what was known and is not in the snapshot.
    fn end_snapshot(&mut self) -> Option<WatchEvent> {
        let (reason, snapshot) = self.snapshot.take()?;
        let known = mem::replace(&mut self.known, snapshot);
        Some(WatchEvent::Snapshot {
            reason: reason.as_str_name().trim_start_matches("SNAPSHOT_REASON_"),
            dropped: known.into_keys().filter(|name| !self.known.contains_key(name)).collect(),
            bindings: self.known.values().map(Record::of).collect(),
        })
    }
}
