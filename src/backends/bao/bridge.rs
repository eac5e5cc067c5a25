//! Lets the HTTP client speak through a tunnel: a socket file that only we can reach, each connection to it carried over
//! a stream that is opened for it.
//!
//! The client can be told to connect to a socket file and does TLS inside it as if it were the network, so TLS is
//! verified end to end against the replica and neither the tunnel nor this file sees inside.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use zeroize::Zeroizing;

use super::fault;
use crate::app::trouble::Trouble;

/// A byte stream to one replica.
pub trait TunnelIo: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> TunnelIo for T {}

/// Opens a stream to a replica's API port.
#[async_trait]
pub trait Dial: Send + Sync {
    /// A new stream; what goes wrong here is what the person is told, word for word.
    async fn dial(&self, replica: &str) -> Result<Box<dyn TunnelIo>, Trouble>;
}

/// Straight to an address, for a certificate that names the server differently than the address does.
pub(super) struct Straight {
    pub host: String,
    pub port: u16,
}

#[async_trait]
impl Dial for Straight {
    async fn dial(&self, replica: &str) -> Result<Box<dyn TunnelIo>, Trouble> {
        match TcpStream::connect((self.host.as_str(), self.port)).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(fault::connect(replica, &format!("{}:{}", self.host, self.port), &error)),
        }
    }
}

/// Sockets of all bridges of one transport; the folder goes when the last of them does.
pub(super) struct Folder(tempfile::TempDir);

/// The operating system refuses longer paths of socket files (108 bytes on Linux, 104 elsewhere).
const LONGEST_PATH: usize = 100;

impl Folder {
    /// Makes one that only this user can enter, where it goes away with the session if there is such a place.
    pub fn new() -> Result<Self, Trouble> {
        let session = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
        let short = |path: &PathBuf| path.as_os_str().len() + 40 < LONGEST_PATH;
        let places = session.into_iter().chain([std::env::temp_dir(), PathBuf::from("/tmp")]).filter(short);
        for place in places {
            let made = tempfile::Builder::new()
                .prefix("baowatch-")
                .permissions(std::fs::Permissions::from_mode(0o700))
                .tempdir_in(&place);
            if let Ok(folder) = made {
                return Ok(Self(folder));
            }
        }
        Err(unmade("no folder for it can be made"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

fn unmade(why: &str) -> Trouble {
    Trouble::local(
        "the local end of the tunnels cannot be made",
        why,
        "Set XDG_RUNTIME_DIR or TMPDIR to a folder that you may write to and whose path is short",
    )
}

/// How long a bridge waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For a stream to open.
    pub dial: Duration,
    /// For a byte in either direction: a port-forward never says that the other end has gone.
    pub idle: Duration,
}

/// One replica's socket file. Closes everything when dropped.
pub(super) struct Bridge {
    path: PathBuf,
    trouble: Arc<Mutex<Option<Trouble>>>,
    _folder: Arc<Folder>,
    _stop: DropGuard,
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // The folder outlives one replica of many; a socket file that nobody listens at is only rubbish.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Bridge {
    /// Listens; must be called inside the runtime.
    pub fn open(
        replica: &str,
        number: u64,
        folder: Arc<Folder>,
        dial: Arc<dyn Dial>,
        patience: Patience,
        tasks: &TaskTracker,
    ) -> Result<Self, Trouble> {
        let path = folder.path().join(number.to_string());
        let listener = UnixListener::bind(&path).map_err(|error| unmade(&error.kind().to_string()))?;
        let stop = CancellationToken::new();
        let trouble = Arc::new(Mutex::new(None));
        let carry = Carry { replica: replica.to_owned(), dial, patience, trouble: Arc::clone(&trouble) };
        tasks.spawn(accept(listener, Arc::new(carry), stop.clone(), tasks.clone()));
        Ok(Self { path, trouble, _folder: folder, _stop: stop.drop_guard() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why the last attempt to open a stream failed, if it did.
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Carry {
    replica: String,
    dial: Arc<dyn Dial>,
    patience: Patience,
    trouble: Arc<Mutex<Option<Trouble>>>,
}

async fn accept(listener: UnixListener, carry: Arc<Carry>, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((near, _)) = accepted else {
            // Out of file descriptors: the next attempt finds some or fails alike, and must not spin until then.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (carry, stop) = (Arc::clone(&carry), stop.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = carry.over(near) => {}
            }
        });
    }
}

impl Carry {
    async fn over(&self, near: UnixStream) {
        let dialled = tokio::time::timeout(self.patience.dial, self.dial.dial(&self.replica)).await;
        let dialled = dialled.unwrap_or_else(|_| Err(fault::slow_dial(&self.replica, self.patience.dial)));
        // Noted before the connection is dropped: the client's failure makes `send` look here.
        self.note(dialled.as_ref().err().cloned());
        if let Ok(far) = dialled {
            pump(near, far, self.patience.idle).await;
        }
    }
}

impl Carry {
    fn note(&self, trouble: Option<Trouble>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

enum Moved {
    Out(std::io::Result<usize>),
    In(std::io::Result<usize>),
}

/// Copies both ways until either end closes or nothing moves for too long. One direction at a time is enough for one
/// small request and its answer.
async fn pump(near: UnixStream, far: Box<dyn TunnelIo>, idle: Duration) {
    let (mut near_read, mut near_write) = near.into_split();
    let (mut far_read, mut far_write) = tokio::io::split(far);
    // Without TLS a share passes through here in clear.
    let mut out = Zeroizing::new(vec![0_u8; 16 * 1024]);
    let mut back = Zeroizing::new(vec![0_u8; 16 * 1024]);
    loop {
        let moved = async {
            tokio::select! {
                n = near_read.read(&mut out) => Moved::Out(n),
                n = far_read.read(&mut back) => Moved::In(n),
            }
        };
        let Ok(moved) = tokio::time::timeout(idle, moved).await else {
            return;
        };
        let write = async {
            match moved {
                Moved::Out(Ok(n)) if n > 0 => {
                    far_write.write_all(out.get(..n).unwrap_or_default()).await.is_ok()
                        && far_write.flush().await.is_ok()
                }
                Moved::In(Ok(n)) if n > 0 => near_write.write_all(back.get(..n).unwrap_or_default()).await.is_ok(),
                Moved::Out(_) | Moved::In(_) => false,
            }
        };
        if !matches!(tokio::time::timeout(idle, write).await, Ok(true)) {
            return;
        }
    }
}
