//! Lists the TAP and TUN devices of a host with their holders, or watches them.

mod call_error;
mod replay;
mod watch;

use std::env;
use std::io::{self, Write};
use std::process::{ExitCode, exit};
use std::time::Duration;

use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

/// Generated from ../../proto by build.rs.
mod tapmap_v1 {
    tonic::include_proto!("tapmap.v1");
}

use replay::Record;
use tapmap_v1::tap_binding_service_client::TapBindingServiceClient;
use tapmap_v1::{ListTapBindingsRequest, TapBindingFilter};

const USAGE: &str =
    "usage: tapmap-client list|watch [--name GLOB] [--address unix:///PATH|tcp://HOST:PORT]";

type Client = TapBindingServiceClient<Channel>;

enum Failure {
    Usage,
    Call(Status),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Failure::Call(status)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be caught");
    let outcome = tokio::select! {
        outcome = run(env::args().skip(1)) => outcome,
        _ = tokio::signal::ctrl_c() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage) => {
            eprintln!("error: {USAGE}");
            ExitCode::from(2)
        }
        Err(Failure::Call(status)) => {
            eprintln!("error: {}", call_error::describe(&status));
            ExitCode::from(if status.code() == Code::InvalidArgument { 2 } else { 3 })
        }
    }
}

async fn run(mut args: impl Iterator<Item = String>) -> Result<(), Failure> {
    let command = args.next().unwrap_or_default();
    let mut address = env::var("TAPMAP_ADDRESS").unwrap_or_default();
    let mut filter = Vec::new();
    while let Some(option) = args.next() {
        let value = args.next().ok_or(Failure::Usage)?;
        match option.as_str() {
            "--name" => filter.push(TapBindingFilter { device_name: value, ..Default::default() }),
            "--address" => address = value,
            _ => return Err(Failure::Usage),
        }
    }
    if address.is_empty() {
        address = "unix:///run/tapmap/tapmap.sock".into();
    }
    let client = TapBindingServiceClient::new(connect(&address)?);
    match command.as_str() {
        "list" => list(client, filter).await,
        "watch" => Err(watch::watch(client, filter).await.into()),
        _ => Err(Failure::Usage),
    }
}

/// Connects with the first call, and again with the next one after the connection broke.
fn connect(address: &str) -> Result<Channel, Failure> {
    // An address that is not of this machine wants TLS: https:// and Endpoint::tls_config().
    let uri = match (address.strip_prefix("tcp://"), address.starts_with("unix:///")) {
        (Some(host), _) => format!("http://{host}"),
        (None, true) => address.to_owned(),
        (None, false) => return Err(Failure::Usage),
    };
    let endpoint = Endpoint::from_shared(uri)
        .map_err(|_| Failure::Usage)?
        // A server that is stopped or hangs keeps its connections: only an unanswered ping shows it.
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    Ok(endpoint.connect_lazy())
}

async fn list(mut client: Client, filter: Vec<TapBindingFilter>) -> Result<(), Failure> {
    let request = ListTapBindingsRequest { filter, ..Default::default() };
    let mut stream = client.list_tap_bindings(request).await?.into_inner();
    while let Some(response) = stream.message().await? {
        for binding in &response.bindings {
            print_line(&Record::of(binding));
        }
    }
    Ok(())
}

fn print_line(value: &impl Serialize) {
    let mut line = serde_json::to_vec(value).expect("what is printed has a JSON form");
    line.push(b'\n');
    let mut out = io::stdout().lock();
    if out.write_all(&line).and_then(|()| out.flush()).is_err() {
        exit(0); // The reader of the output has gone.
    }
}
