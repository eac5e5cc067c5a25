//! A copy kept by a pair of commands: `put` reads the keystore on its standard input, `get` writes it to its standard
//! output. What passes through them is ciphertext, and no secret stands in their arguments or their environment.

use std::io::{Read as _, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process_group};

use super::place::Near;
use super::shelf::{Shelf, Version, Writing, blocking, label, revision};
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::keystore::format;

const VERSION: &str = "{version}";

/// The pair.
pub struct CommandShelf {
    pub put: String,
    pub get: String,
    /// Revisions that were put from here, oldest first.
    pub known: Vec<u64>,
    pub patience: Duration,
}

impl CommandShelf {
    /// Whether earlier versions stay: each then has a name of its own.
    pub fn versioned(put: &str, get: &str) -> bool {
        put.contains(VERSION) && get.contains(VERSION)
    }

    async fn fetch(&self, number: Option<u64>) -> Result<Option<Vec<u8>>, Trouble> {
        let command = named(&self.get, &number.map(label).unwrap_or_default());
        let patience = self.patience;
        let (status, bytes) = blocking(move || run("get", &command, None, patience)).await?;
        if !status.success() {
            return Err(failed("get", status));
        }
        Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

#[async_trait]
impl Shelf for CommandShelf {
    async fn read(&self) -> Result<Option<Vec<u8>>, Trouble> {
        match (self.get.contains(VERSION), self.known.last()) {
            // Nothing was ever put: there is no name to ask for.
            (true, None) => Ok(None),
            (true, newest) => self.fetch(newest.copied()).await,
            (false, _) => self.fetch(None).await,
        }
    }

    async fn versions(&self) -> Result<Option<Vec<Version>>, Trouble> {
        if !Self::versioned(&self.put, &self.get) {
            return Ok(None);
        }
        let all = self.known.iter().map(|number| Version { id: label(*number), revision: Some(*number), at: None });
        Ok(Some(all.collect()))
    }

    async fn version(&self, id: &str) -> Result<Option<Vec<u8>>, Trouble> {
        let wanted = revision(id).filter(|_| self.get.contains(VERSION));
        match wanted {
            Some(number) => self.fetch(Some(number)).await,
            None => Ok(None),
        }
    }

    async fn write(&self, writing: &Writing) -> Result<String, Trouble> {
        let command = named(&self.put, &label(writing.revision));
        let (patience, bytes) = (self.patience, writing.bytes.clone());
        let (status, _) = blocking(move || run("put", &command, Some(bytes), patience)).await?;
        if !status.success() {
            return Err(failed("put", status));
        }
        Ok(if Self::versioned(&self.put, &self.get) {
            format!("as {}, earlier versions stay", label(writing.revision))
        } else {
            "earlier versions are not kept: there is no {version} in the commands".to_owned()
        })
    }

    async fn near(&self) -> Near {
        // Only whoever wrote the commands knows where they go.
        Near::Elsewhere
    }
}

/// What it wrote to its standard error may hold anything: it is not repeated.
fn failed(which: &str, status: ExitStatus) -> Trouble {
    let why = match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with code {code}"),
        (None, Some(signal)) => format!("it was ended by signal {signal}"),
        (None, None) => "it ended badly".to_owned(),
    };
    Trouble::new(
        TroubleKind::Unusable,
        &format!("the command `{which}` of the copy failed"),
        &why,
        "Run it by hand to see what it says; it gets only PATH and HOME",
    )
}

/// Runs it through `sh -c` in a process group of its own, which is ended when it takes too long or says too much. Blocks.
fn run(
    which: &str,
    command: &str,
    input: Option<Vec<u8>>,
    patience: Duration,
) -> Result<(ExitStatus, Vec<u8>), Trouble> {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command).env_clear().process_group(0);
    for name in ["PATH", "HOME"] {
        if let Some(value) = std::env::var_os(name) {
            shell.env(name, value);
        }
    }
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    shell.current_dir("/").stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::null());
    let broken = |error: std::io::Error| {
        Trouble::local(
            &format!("the command `{which}` of the copy cannot be run"),
            &error.to_string(),
            "Run it by hand",
        )
    };
    let mut child = shell.spawn().map_err(broken)?;
    let group = Pid::from_child(&child);
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (send, ended) = mpsc::channel();
    std::thread::spawn(move || {
        if let (Some(mut pipe), Some(bytes)) = (stdin, input) {
            // Who does not read it all says so by failing.
            let _ = pipe.write_all(&bytes);
        }
    });
    std::thread::spawn(move || {
        let mut said = Vec::new();
        let read = stdout.map_or(Ok(0), |pipe| pipe.take(format::LONGEST + 1).read_to_end(&mut said));
        if said.len() as u64 > format::LONGEST {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = send.send(read.and_then(|_| child.wait()).map(|status| (status, said)));
    });
    let Ok(result) = ended.recv_timeout(patience) else {
        let _ = kill_process_group(group, Signal::KILL);
        return Err(Trouble::unreachable(
            &format!("the command `{which}` of the copy did not end"),
            &format!("it took longer than {} s and was ended", patience.as_secs()),
            "Run it by hand to see what it waits for",
        ));
    };
    let (status, said) = result.map_err(broken)?;
    if said.len() as u64 > format::LONGEST {
        return Err(Trouble::new(
            TroubleKind::Unusable,
            &format!("the command `{which}` of the copy wrote more than any keystore has"),
            "it was ended",
            "Run it by hand to see what it writes",
        ));
    }
    Ok((status, said))
}

/// The command with the version in its place.
fn named(command: &str, version: &str) -> String {
    command.split(VERSION).collect::<Vec<_>>().join(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_get_a_clean_environment_an_end_and_a_bound() {
        let patience = Duration::from_secs(20);
        let (status, said) = run("get", "env | cut -d= -f1 | sort | tr '\\n' ' '; pwd", None, patience).unwrap();
        let said = String::from_utf8(said).unwrap();
        assert!(status.success());
        let names: Vec<&str> =
            said.split_whitespace().filter(|name| !["PWD", "_", "SHLVL", "OLDPWD"].contains(name)).collect();
        assert!(names.iter().all(|name| ["HOME", "PATH", "/"].contains(name)), "{said}");
        let (_, echoed) = run("put", "cat", Some(vec![7; 300_000]), patience).unwrap();
        assert_eq!(echoed.len(), 300_000);
        let long = run("get", "cat /dev/zero", None, patience).unwrap_err();
        assert!(long.what.contains("more than any keystore"), "{long}");
        let slow = run("get", "sleep 600", None, Duration::from_millis(200)).unwrap_err();
        assert!(slow.what.contains("did not end"), "{slow}");
        // Who does not read is no hang.
        assert!(run("put", "exit 3", Some(vec![7; 3_000_000]), patience).unwrap().0.code() == Some(3));
    }
}
