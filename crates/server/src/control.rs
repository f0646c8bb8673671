//! The control socket: how a command that changed something tells the server that runs beside it,
//! before it says "done". The server then takes in what others committed to the store, so that a
//! revocation from the command line holds at the very next request.
//!
//! The protocol is one line each way: `sync`, answered by `ok` once it is done; `verifiers`, answered
//! by a JSON array of who listens to the stream of revocations; and `node`, answered by one of what
//! server this is. Only who may write to the data directory can say it, and it harms nobody.

use std::{
    fs::{self, File, Permissions},
    io::{self, BufRead, BufReader, Write},
    os::{
        fd::AsRawFd,
        unix::{fs::PermissionsExt, net::UnixStream as BlockingStream},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use daemun_engine::{
    Engine,
    nodes::{Node, NodeSeen},
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};
use tracing::{error, warn};

use crate::{
    data::DataDir,
    node,
    report::{Failure, Kind, Outcome},
};

/// Asks who listens to the stream of revocations.
pub(crate) const VERIFIERS: &str = "verifiers";

/// Asks what server this is.
pub(crate) const NODE: &str = "node";

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);

/// A socket's path holds at most 108 bytes, the last of them zero (`man 7 unix`).
const LONGEST_PATH: usize = 107;

/// Listens on the data directory's control socket. Whoever calls holds the directory's lock, so a
/// socket that lies there is of a server that is no more.
pub(crate) fn listen(data: &DataDir) -> io::Result<UnixListener> {
    let path = data.control_socket();
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let (short, _directory) = shortened(&path)?;
    let listener = UnixListener::bind(short)?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers commands until dropped.
pub(crate) async fn answer(listener: UnixListener, engine: Arc<Engine>, node: Arc<Node>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (engine, node) = (Arc::clone(&engine), Arc::clone(&node));
                tokio::spawn(async move {
                    let talk = converse(stream, &engine, &node);
                    if !matches!(tokio::time::timeout(PATIENCE, talk).await, Ok(Ok(()))) {
                        warn!("a command hung up on the control socket");
                    }
                });
            }
            Err(error) => {
                error!(%error, "the control socket fails");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn converse(mut stream: UnixStream, engine: &Engine, node: &Node) -> io::Result<()> {
    let (read, mut write) = stream.split();
    let mut line = String::new();
    tokio::io::BufReader::new(read.take(64))
        .read_line(&mut line)
        .await?;
    let answer = match line.trim_end() {
        "sync" => match engine.sync().await {
            Ok(()) => "ok\n".to_owned(),
            Err(error) => {
                error!(%error, "cannot take in what a command changed");
                "failed\n".into()
            }
        },
        VERIFIERS => {
            let listeners = node::listeners_json(node, &engine.listeners());
            format!("{}\n", Value::Array(listeners))
        }
        NODE => {
            let seen = NodeSeen {
                report: engine.node_report(node),
                silent: Duration::ZERO,
            };
            format!("{}\n", Value::Array(vec![node::node_json(&seen)]))
        }
        _ => "unknown\n".into(),
    };
    write.write_all(answer.as_bytes()).await
}

/// What the server on this data directory lists.
pub(crate) fn listed(data: &DataDir, what: &str) -> Outcome<Vec<Value>> {
    let answered = match ask(&data.control_socket(), what) {
        Err(error) if is_nobody(&error) => {
            return Err(
                Failure::new(Kind::Unreachable, "no server runs on this data")
                    .because("that is known to the running server alone")
                    .mend(
                        "start it, or name its data with --data or its configuration with --config",
                    ),
            );
        }
        answered => answered,
    };
    let read = answered.and_then(|line| Ok(serde_json::from_str(&line)?));
    read.map_err(|error| {
        Failure::new(Kind::Unreachable, "the running server does not say")
            .because(error)
            .mend("try again; its log says what is amiss")
    })
}

/// Has the server on this data directory, where one runs, take in what was committed.
pub(crate) fn sync(data: &DataDir) -> Outcome<()> {
    let answered = match ask(&data.control_socket(), "sync") {
        Err(error) if is_nobody(&error) => return Ok(()),
        answered => answered,
    };
    let told = answered.and_then(|line| match line.as_str() {
        "ok" => Ok(()),
        _ => Err(io::Error::other("the server could not read its store")),
    });
    told.map_err(|error| {
        Failure::new(
            Kind::Unreachable,
            "it is done, but the running server did not confirm that it knows",
        )
        .because(error)
        .mend("nothing: the server looks by itself within a second; its log says what is amiss")
    })
}

/// Nobody listens: there is no server, or one that ended just now.
fn is_nobody(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused)
}

/// Whether a server runs on this data directory.
pub(crate) fn is_running(data: &DataDir) -> bool {
    let socket = shortened(&data.control_socket());
    socket.is_ok_and(|(short, _directory)| BlockingStream::connect(short).is_ok())
}

/// Says one line and reads one.
fn ask(socket: &Path, line: &str) -> io::Result<String> {
    let (short, _directory) = shortened(socket)?;
    let mut stream = BlockingStream::connect(short)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut answer = String::new();
    BufReader::new(&stream).read_line(&mut answer)?;
    Ok(answer.trim_end().to_owned())
}

/// A path that a socket's address can hold: through the open directory, where the path itself is
/// too long. The directory must stay open while the path is in use.
fn shortened(path: &Path) -> io::Result<(PathBuf, Option<File>)> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok((path.into(), None));
    };
    if path.as_os_str().len() <= LONGEST_PATH {
        return Ok((path.into(), None));
    }
    let directory = File::open(parent)?;
    let through = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string());
    Ok((through.join(name), Some(directory)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_can_lie_however_deep() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(120));
        fs::create_dir(&deep).unwrap();
        let path = deep.join("control.sock");
        let (short, _directory) = shortened(&path).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(short).unwrap();
        assert!(path.exists());
        let (short, _directory) = shortened(&path).unwrap();
        assert!(BlockingStream::connect(short).is_ok());
    }

    #[test]
    fn where_no_server_runs_nobody_needs_to_be_told() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::create(folder.path()).unwrap();
        assert!(sync(&data).is_ok());
        drop(std::os::unix::net::UnixListener::bind(data.control_socket()).unwrap());
        assert!(sync(&data).is_ok());
    }
}
