//! The tape: every message the core was given, in order, bounded; played back it gives the same screens again.
//!
//! No message can hold a secret, so neither can a tape. It does hold names, lengths and fingerprints: its file is 0600.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::msg::Msg;
use crate::app::settings::Settings;
use crate::app::time::Stamped;
use crate::app::trouble::Trouble;

const SCHEMA: &str = "baowatch.tape/v1";
/// Messages kept in memory: hours of a quiet night.
const KEPT: usize = 20_000;
/// Bytes kept in memory: an incident's pod lists must not push the program past what a small VM gives it.
const KEPT_BYTES: usize = 4 << 20;
/// A file stops growing here; a console left open for a month must not fill a disk.
const LARGEST_FILE: usize = 64 << 20;
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
    /// How many messages fell off the front; 0 for a tape that can be replayed exactly.
    pub dropped: u64,
}

/// A recorder.
#[derive(Debug)]
pub struct Tape {
    header: Header,
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    file: Option<(File, usize)>,
}

impl Tape {
    /// Begins to record in memory.
    pub fn new(settings: &Settings, began: Timestamp) -> Self {
        let header = Header {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            began,
            settings: settings.clone(),
            dropped: 0,
        };
        Self { header, lines: VecDeque::new(), bytes: 0, file: None }
    }

    /// Records to a new file as well.
    pub fn also_to(mut self, path: &Path) -> Result<Self, Trouble> {
        let begin = || -> io::Result<(File, usize)> {
            let mut options = File::options();
            options.write(true).create(true).truncate(true);
            private(&mut options);
            let mut file = options.open(path)?;
            let line = line(&self.header)?;
            file.write_all(&line)?;
            Ok((file, line.len()))
        };
        self.file = Some(begin().map_err(|error| unwritable(path, &error))?);
        Ok(self)
    }

    /// Records one message. A disk that is full ends the file and not the program.
    pub fn record(&mut self, msg: &Stamped<Msg>) {
        let Ok(line) = line(msg) else { return };
        if let Some((file, written)) = &mut self.file {
            *written += line.len();
            if *written > LARGEST_FILE || file.write_all(&line).is_err() {
                self.file = None;
            }
        }
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.lines.len() > KEPT || self.bytes > KEPT_BYTES {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.len();
            self.header.dropped += 1;
        }
    }

    /// How many messages are in memory.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether nothing is in memory.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Writes what is in memory, header first.
    pub fn write_to(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&line(&self.header)?)?;
        self.lines.iter().try_for_each(|line| to.write_all(line))
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
    fn what_was_recorded_is_read_back() {
        let mut tape = Tape::new(&Settings::default(), Timestamp::UNIX_EPOCH);
        for message in messages() {
            tape.record(&message);
        }
        let mut bytes = Vec::new();
        tape.write_to(&mut bytes).unwrap();
        let (header, read_back) = read(bytes.as_slice()).unwrap();
        assert_eq!(read_back, messages());
        assert_eq!((header.settings, header.dropped), (Settings::default(), 0));
        bytes.truncate(bytes.len() - 4);
        assert_eq!(read(bytes.as_slice()).unwrap().1.len(), 4, "a torn last line is left out");
    }

    #[test]
    fn memory_is_bounded_and_says_what_fell_off() {
        let mut tape = Tape::new(&Settings::default(), Timestamp::UNIX_EPOCH);
        for seq in 0..KEPT as u64 + 5 {
            tape.record(&stamped(seq, Msg::Tick));
        }
        assert_eq!((tape.len(), tape.header.dropped), (KEPT, 5));
    }

    #[test]
    fn a_file_is_private_and_rubbish_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape.jsonl");
        let mut tape = Tape::new(&Settings::default(), Timestamp::UNIX_EPOCH).also_to(&path).unwrap();
        for message in messages() {
            tape.record(&message);
        }
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let file = std::io::BufReader::new(File::open(&path).unwrap());
        assert_eq!(read(file).unwrap().1, messages());
        assert!(read(&b"{\"schema\":\"x\"}\n"[..]).is_err());
        assert!(read(&b""[..]).is_err());
    }
}
