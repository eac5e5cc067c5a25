//! The log: to a file and never to the terminal, 0600, rotated by size, without what could carry a secret.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::app::config::env::Env;
use crate::app::trouble::Trouble;
use crate::backends::files::dirs;

/// Past this size the log moves to `….1` and begins anew: two files, and never more.
const LARGEST: u64 = 5 << 20;
/// What is logged unless `BAOWATCH_LOG` says otherwise.
const DEFAULT: &str = "warn,baowatch=info,kube_client=info,kube_runtime=info";

/// Begins to log. A file that was `asked` for and cannot be written is an error; the default one is done without.
pub fn init(asked: Option<&Path>, default: &Path, env: &Env) -> Result<(), Trouble> {
    let path = asked.unwrap_or(default);
    let writer = match RotatingFile::open(path, LARGEST) {
        Ok(writer) => writer,
        Err(error) if asked.is_some() => {
            return Err(Trouble::local(
                &format!("the log file {} cannot be written", path.display()),
                &error.to_string(),
                "Check the folder and its permissions, or leave --log-file out",
            ));
        }
        Err(_) => return Ok(()),
    };
    let filter = match env.get("BAOWATCH_LOG") {
        Some(text) => EnvFilter::try_new(text).map_err(|_| {
            Trouble::local(
                "BAOWATCH_LOG is not a log filter",
                "it is a list of target=level",
                "Write it like baowatch=debug,kube_client=warn",
            )
        })?,
        None => EnvFilter::new(DEFAULT),
    };
    // A second subscriber in one process is a test's: the first stays.
    let _ = tracing::subscriber::set_global_default(subscriber(writer, filter));
    Ok(())
}

fn subscriber(writer: RotatingFile, filter: EnvFilter) -> impl tracing::Subscriber + Send + Sync {
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer);
    tracing_subscriber::registry().with(layer.with_filter(filter.and(filter_fn(harmless))))
}

/// No filter a person sets lets these through: kube logs whole bodies that it could not decode (a Secret among them, at
/// WARN) from `kube_client::client`, quotes decode errors of watched Secrets below INFO, and the HTTP crates log what
/// they carry at TRACE.
fn harmless(meta: &Metadata<'_>) -> bool {
    let (target, level) = (meta.target(), *meta.level());
    let under = |name: &str| target == name || target.strip_prefix(name).is_some_and(|rest| rest.starts_with("::"));
    if under("kube_client") {
        let bodies = under("kube_client::client") && !under("kube_client::client::builder");
        return !bodies && level <= Level::DEBUG;
    }
    if under("kube_runtime") {
        return level <= Level::INFO;
    }
    under("baowatch") || level <= Level::DEBUG
}

/// A file that begins anew when it is full.
#[derive(Debug)]
struct RotatingFile(Mutex<Open>);

#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
    written: u64,
    largest: u64,
}

impl RotatingFile {
    fn open(path: &Path, largest: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
            dirs::private(folder)?;
        }
        let file = append(path)?;
        let written = file.metadata()?.len();
        Ok(Self(Mutex::new(Open { path: path.to_owned(), file, written, largest })))
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

impl Write for Open {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.written > 0 && self.written + line.len() as u64 > self.largest {
            let mut old = self.path.clone().into_os_string();
            old.push(".1");
            std::fs::rename(&self.path, old)?;
            self.file = append(&self.path)?;
            self.written = 0;
        }
        let n = self.file.write(line)?;
        self.written += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The file for one line.
struct Line<'a>(MutexGuard<'a, Open>);

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<'a> MakeWriter<'a> for RotatingFile {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Line(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rotates_once_and_stays_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/baowatch.log");
        let log = RotatingFile::open(&path, 100).unwrap();
        for _ in 0..30 {
            log.make_writer().write_all(&[b'x'; 20]).unwrap();
        }
        let names = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(names, 2);
        let meta = std::fs::metadata(&path).unwrap();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o777, 0o600);
        assert!(meta.len() <= 100);
    }

    #[test]
    fn bodies_that_kube_logs_never_arrive_whatever_the_filter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("baowatch.log");
        let log = subscriber(RotatingFile::open(&path, LARGEST).unwrap(), EnvFilter::new("trace"));
        tracing::subscriber::with_default(log, || {
            tracing::warn!(target: "kube_client::client", "CANARY-BODY");
            tracing::debug!(target: "kube_runtime::watcher", "CANARY-WATCH");
            tracing::trace!(target: "hyper::proto", "CANARY-WIRE");
            tracing::debug!(target: "kube_client::client::builder", "requesting");
            tracing::trace!(target: "baowatch::app", "own");
        });
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("CANARY"), "{text}");
        assert!(text.contains("requesting") && text.contains("own"), "{text}");
    }
}
