//! What a failed call tells: google.rpc.Status with its details.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// The error in one line, with the fields of the request that do not parse.
pub fn describe(status: &Status) -> String {
    let text = match status.get_details_bad_request() {
        Some(request) => request
            .field_violations
            .iter()
            .map(|each| format!("{}: {}", each.field, each.description))
            .collect::<Vec<_>>()
            .join("; "),
        None => status.message().to_owned(),
    };
    format!("{}: {text}", code_name(status.code()))
}

/// When the server asks to be tried again.
pub fn retry_delay(status: &Status) -> Option<Duration> {
    status.get_details_retry_info()?.retry_delay
}

/// As the gRPC specification spells it: INVALID_ARGUMENT for InvalidArgument.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
