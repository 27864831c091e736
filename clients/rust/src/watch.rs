//! A watch that outlives the server: it reconnects, and goes on where it was.

use std::time::Duration;

use serde_json::json;
use tonic::{Code, Status};

use crate::replay::Replay;
use crate::tapmap_v1::watch_tap_bindings_response::Event;
use crate::tapmap_v1::{TapBindingFilter, WatchTapBindingsRequest};
use crate::{Client, call_error, print_line};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Goes on until the server gives an answer that trying again does not change.
pub async fn watch(mut client: Client, filter: Vec<TapBindingFilter>) -> Status {
    let mut replay = Replay::default();
    let mut pause = FIRST_PAUSE;
    loop {
        let mut heard = false;
        let outcome = watch_once(&mut client, &filter, &mut replay, &mut heard).await;
        if heard {
            pause = FIRST_PAUSE;
        }
        let (reason, asked) = match &outcome {
            Ok(()) => ("OK".to_owned(), None),
            Err(status) => (call_error::describe(status), call_error::retry_delay(status)),
        };
        match outcome {
            Err(status) if is_final(&status) => return status,
            _ => replay.interrupted(),
        }
        let wait = asked.unwrap_or(pause);
        eprintln!("stream ended ({reason}), again in {wait:?}");
        tokio::time::sleep(wait).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Takes one stream to its end. Ok is the end that a draining server makes.
async fn watch_once(
    client: &mut Client,
    filter: &[TapBindingFilter],
    replay: &mut Replay,
    heard: &mut bool,
) -> Result<(), Status> {
    let request = WatchTapBindingsRequest {
        filter: filter.to_vec(),
        resume_token: replay.resume_token.clone(),
        ..Default::default()
    };
    let resuming = !request.resume_token.is_empty();
    let mut stream = client.watch_tap_bindings(request).await?.into_inner();
    while let Some(response) = stream.message().await? {
        let is_snapshot = matches!(response.event, Some(Event::SnapshotBegin(_)));
        if resuming && !*heard && !is_snapshot {
            print_line(&json!({ "event": "resumed" }));
        }
        *heard = true;
        for event in replay.apply(response) {
            print_line(&event);
        }
    }
    Ok(())
}

fn is_final(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::InvalidArgument
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::Unimplemented
    )
}
