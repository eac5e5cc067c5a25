//! The tape: every message the core was given, in order; played back it gives the same screens again.
//!
//! No message can hold a secret, so neither can a tape. It does hold names, lengths and fingerprints: its file is 0600.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::msg::Msg;
use crate::app::settings::Settings;
use crate::app::time::Stamped;
use crate::app::trouble::Trouble;

const SCHEMA: &str = "baowatch.tape/v1";
/// A file stops growing here; a console left open for a month must not fill a disk.
const LARGEST_FILE: usize = 64 << 20;
/// So many messages may wait for a disk that stands still.
const MOST_BEHIND: usize = 4_096;
/// Whoever ends the session waits this long for the rest to be written.
const LONGEST_END: Duration = Duration::from_secs(2);
/// One line of a tape is never longer.
const LONGEST_LINE: u64 = 8 << 20;

/// The first line of a tape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Names the format.
    pub schema: String,
    /// The program's version.
    pub version: String,
    /// When the session began: the core's first "now".
    pub began: Timestamp,
    /// What the core was set to.
    pub settings: Settings,
}

/// A recorder. A thread of its own writes: a disk that stands still for a second must not stop the screen for as long.
#[derive(Debug)]
pub struct Tape {
    /// `None` once it has ended: what has a gap cannot be replayed.
    to: Option<Sender<Stamped<Msg>>>,
    behind: Arc<AtomicUsize>,
    /// Hangs up when the last line is written.
    done: Receiver<()>,
}

impl Tape {
    /// Records nothing.
    pub fn none() -> Self {
        Self { to: None, behind: Arc::default(), done: channel().1 }
    }

    /// Records to a new file.
    pub fn to_file(path: &Path, settings: &Settings, began: Timestamp) -> Result<Self, Trouble> {
        let begin = || -> io::Result<Self> {
            let mut options = File::options();
            options.write(true).create(true).truncate(true);
            private(&mut options);
            Self::to(options.open(path)?, settings, began)
        };
        begin().map_err(|error| unwritable(path, &error))
    }

    fn to(mut file: impl Write + Send + 'static, settings: &Settings, began: Timestamp) -> io::Result<Self> {
        let header = Header {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            began,
            settings: settings.clone(),
        };
        let header = line(&header)?;
        file.write_all(&header)?;
        let ((to, messages), (writing, done)) = (channel(), channel());
        let behind = Arc::new(AtomicUsize::new(0));
        let waiting = Arc::clone(&behind);
        std::thread::Builder::new().name("tape".to_owned()).spawn(move || {
            let _writing: Sender<()> = writing;
            write(file, header.len(), &messages, &waiting);
        })?;
        Ok(Self { to: Some(to), behind, done })
    }

    /// Records one message. A disk that is full, or stands still for long, ends the tape and not the program.
    pub fn record(&mut self, msg: &Stamped<Msg>) {
        let Some(to) = &self.to else { return };
        let late = self.behind.fetch_add(1, Ordering::Relaxed) >= MOST_BEHIND;
        if late || to.send(msg.clone()).is_err() {
            self.to = None;
        }
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        if self.to.take().is_some() {
            // It ends by hanging up; nothing is ever sent.
            let _ = self.done.recv_timeout(LONGEST_END);
        }
    }
}

/// Writes what comes until nobody records any more.
fn write(mut file: impl Write, mut written: usize, messages: &Receiver<Stamped<Msg>>, behind: &AtomicUsize) {
    for msg in messages {
        let Ok(line) = line(&msg) else { return };
        written += line.len();
        if written > LARGEST_FILE || file.write_all(&line).is_err() {
            return;
        }
        behind.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Reads a tape back. A torn last line is left out: the program that wrote it died.
pub fn read(from: impl BufRead) -> Result<(Header, Vec<Stamped<Msg>>), Trouble> {
    let mut lines = Lines { from };
    let unusable = |number: usize| {
        Trouble::local(
            &format!("line {number} of the tape cannot be read"),
            "it is damaged, or another version of Baowatch wrote it",
            "Replay it with the version that recorded it",
        )
    };
    let first = lines.next()?.ok_or_else(|| unusable(1))?;
    let header: Header = serde_json::from_slice(&first).map_err(|_| unusable(1))?;
    if header.schema != SCHEMA {
        return Err(unusable(1));
    }
    let mut messages = Vec::new();
    while let Some(line) = lines.next()? {
        match serde_json::from_slice(&line) {
            Ok(message) => messages.push(message),
            Err(_) if !line.ends_with(b"\n") => break,
            Err(_) => return Err(unusable(messages.len() + 2)),
        }
    }
    Ok((header, messages))
}

struct Lines<R> {
    from: R,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<Vec<u8>>, Trouble> {
        use io::Read;
        let mut line = Vec::new();
        let read = (&mut self.from).take(LONGEST_LINE).read_until(b'\n', &mut line);
        match read {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(line)),
            Err(error) => Err(Trouble::local("the tape cannot be read", &error.to_string(), "Check the file")),
        }
    }
}

fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

fn unwritable(path: &Path, error: &io::Error) -> Trouble {
    Trouble::local(&format!("the tape {} cannot be written", path.display()), &error.to_string(), "Choose another path")
}

#[cfg(unix)]
fn private(options: &mut std::fs::OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(not(unix))]
fn private(_options: &mut std::fs::OpenOptions) {}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::app::id::{FeedId, RunId};
    use crate::app::model::fact::Report;

    fn stamped(seq: u64, msg: Msg) -> Stamped<Msg> {
        Stamped { at: Timestamp::from_second(1_700_000_000 + seq.cast_signed()).unwrap(), seq, msg }
    }

    fn messages() -> Vec<Stamped<Msg>> {
        let trouble = Trouble::denied("no", "forbidden", "a Role line");
        vec![
            stamped(1, Msg::Tick),
            stamped(2, Msg::Resized { width: 80, height: 24 }),
            stamped(3, Msg::Seen(Report { feed: FeedId::Seal, outcome: Err(trouble.clone()) })),
            stamped(4, Msg::Journaled { run: RunId(7), written: Err(trouble) }),
            stamped(5, Msg::Terminate),
        ]
    }

    #[test]
    fn what_was_recorded_is_read_back_from_a_private_file_and_rubbish_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape.jsonl");
        let mut tape = Tape::to_file(&path, &Settings::default(), Timestamp::UNIX_EPOCH).unwrap();
        for message in messages() {
            tape.record(&message);
        }
        drop(tape);
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let mut bytes = std::fs::read(&path).unwrap();
        let (header, read_back) = read(bytes.as_slice()).unwrap();
        assert_eq!((read_back, header.settings), (messages(), Settings::default()));
        bytes.truncate(bytes.len() - 4);
        assert_eq!(read(bytes.as_slice()).unwrap().1.len(), 4, "a torn last line is left out");
        assert!(read(&b"{\"schema\":\"x\"}\n"[..]).is_err());
        assert!(read(&b""[..]).is_err());
        assert!(Tape::to_file(folder.path(), &Settings::default(), Timestamp::UNIX_EPOCH).is_err());
    }

    /// A disk that writes nothing before it is told to, but for the header.
    struct Still {
        told: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
        header: bool,
    }

    impl Write for Still {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.header, true) {
                let _ = self.told.recv();
            }
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_disk_that_stands_still_stops_nobody_and_in_the_end_the_tape() {
        let still = || {
            let ((tell, told), written) = (channel(), Arc::<Mutex<Vec<u8>>>::default());
            let disk = Still { told, written: Arc::clone(&written), header: false };
            (tell, written, Tape::to(disk, &Settings::default(), Timestamp::UNIX_EPOCH).unwrap())
        };
        let (tell, written, mut tape) = still();
        for message in &messages() {
            tape.record(message);
        }
        assert_eq!(read(written.lock().unwrap().as_slice()).unwrap().1, []);
        // It moves again, and nothing is lost.
        drop(tell);
        drop(tape);
        assert_eq!(read(written.lock().unwrap().as_slice()).unwrap().1, messages());

        let (tell, written, mut tape) = still();
        for seq in 0..MOST_BEHIND as u64 + 10 {
            tape.record(&stamped(seq, Msg::Tick));
        }
        assert!(tape.to.is_none(), "it has ended");
        drop(tell);
        drop(tape);
        let read = read(written.lock().unwrap().as_slice()).unwrap().1;
        assert!(read.len() <= MOST_BEHIND && read.iter().zip(1..).all(|(one, n)| one.seq + 1 == n), "and has no gap");
    }
}
