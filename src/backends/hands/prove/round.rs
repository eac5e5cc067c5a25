//! One rotation from its beginning to its cancelling, which happens whatever comes in between.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;

use super::note::{Note, Place};
use crate::app::runbook::op::RotationOf;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::bao::rotate::{Door, Given};
use crate::backends::hands::tools::Tools;
use crate::backends::hands::unseal::{joined, refused};
use crate::backends::keys::SecretShare;

/// How often the cancelling is tried, and how long to wait in between: an election takes seconds.
const TRIES: u32 = 8;
const PAUSE: Duration = Duration::from_millis(750);

/// Where rotations are begun, of what size, and where the note of them lies.
pub(super) struct Ring<'a> {
    pub replica: &'a str,
    pub door: Door,
    pub shares: u32,
    pub threshold: u32,
    pub place: Place,
    pub tools: &'a Tools,
}

impl Ring<'_> {
    /// Gives these shares, exactly as many as the threshold, to a rotation of their own. `true`: they are its key.
    pub async fn round(&self, shares: &[&SecretShare]) -> Result<bool, Trouble> {
        let nonce = self.begin().await?;
        // A panic in between must not leave it open.
        let told = AssertUnwindSafe(self.give(&nonce, shares)).catch_unwind().await;
        let told = told.unwrap_or_else(|_| {
            Err(Trouble::local("giving the shares failed inside Baowatch", "this is a mistake of the program", ""))
        });
        match (told, self.end(&nonce).await) {
            (Ok(accepted), Ok(())) => Ok(accepted),
            (Err(trouble), Ok(())) => {
                let why = joined(&[&trouble.why, "the rotation was cancelled, the vault's keys are as before"]);
                Err(Trouble { why, ..trouble })
            }
            (Ok(_), Err(left)) => Err(left),
            (Err(trouble), Err(left)) => {
                let why = joined(&[&left.why, &format!("before that, {}", trouble.what)]);
                Err(Trouble { why, ..left })
            }
        }
    }

    /// Begins one and writes its nonce down. Nothing of a key has been sent when this returns.
    async fn begin(&self) -> Result<String, Trouble> {
        let write = &self.tools.write;
        let begun = write.begin_rotation(self.replica, &self.door, self.shares, self.threshold).await;
        let begun = begun.map_err(|trouble| self.begun_or_not(trouble))?;
        let nonce = begun.nonce().to_owned();
        if nonce.is_empty() {
            // Without its nonce it cannot be told from anybody else's: nothing is cancelled, and nothing of it is claimed.
            return Err(self.begun_or_not(Trouble::new(
                TroubleKind::Unusable,
                "the server's answer names no nonce",
                "the rotation may be open, and cannot be told from somebody else's",
                "",
            )));
        }
        let wrong = if !begun.verified_first() {
            Some(refused(
                "the server began a rotation that would change the keys at once",
                "it does not say that it wants verification; no key was sent, and it was cancelled",
                "Do not prove keys on this server; tell its makers",
            ))
        } else if !begun.open() || begun.progress() > 0 {
            Some(Trouble::new(
                TroubleKind::Unusable,
                "the server's answer to the beginning of a rotation cannot be trusted",
                "it says that none is open, or that shares were given already; no key was sent, and it was cancelled",
                "Look at what stands between here and the server",
            ))
        } else if begun.required() != self.threshold {
            Some(refused(
                &format!("the rotation wants {} shares", begun.required()),
                &format!("the plan was made for {}; no key was sent, and it was cancelled", self.threshold),
                "Ask for the plan anew",
            ))
        } else {
            self.place.write(&self.note(&nonce)).err()
        };
        let Some(trouble) = wrong else { return Ok(nonce) };
        match self.end(&nonce).await {
            Ok(()) => Err(trouble),
            Err(left) => Err(Trouble { why: joined(&[&left.why, &trouble.what]), ..left }),
        }
    }

    fn note(&self, nonce: &str) -> Note {
        Note {
            replica: self.replica.to_owned(),
            nonce: nonce.to_owned(),
            api: self.door.base().to_owned(),
            namespace: self.door.access.namespace.clone(),
            at: self.tools.clock.now(),
        }
    }

    /// The beginning had no clear answer: without its nonce nobody can tell whose it would be.
    fn begun_or_not(&self, trouble: Trouble) -> Trouble {
        match trouble.kind {
            TroubleKind::Refused | TroubleKind::Denied | TroubleKind::Local | TroubleKind::Absent => trouble,
            TroubleKind::Unreachable | TroubleKind::Unusable => Trouble::new(
                trouble.kind,
                "it is not known whether a rotation of the keys was begun",
                &joined(&[&trouble.what, &trouble.why, "no key was sent, and the vault's keys are as before"]),
                &format!("If one is open with no share given, cancel it: {}", self.door.cancelling()),
            ),
        }
    }

    async fn give(&self, nonce: &str, shares: &[&SecretShare]) -> Result<bool, Trouble> {
        let mut given = 0;
        for share in shares {
            match self.tools.write.give_to_rotation(self.replica, &self.door, nonce, share).await? {
                Given::Accepted => return Ok(true),
                // Below the threshold nothing is judged: what is refused there says nothing of the others.
                Given::Refused if given + 1 < self.threshold => {
                    return Err(refused(
                        &format!("{} refused a share before the threshold", self.replica),
                        &format!("it was share {} of {}", given + 1, self.threshold),
                        "Look at this replica's log, then ask for the plan anew",
                    ));
                }
                Given::Refused => return Ok(false),
                Given::Counted(progress) => given = progress,
            }
        }
        Err(Trouble::new(
            TroubleKind::Unusable,
            "the server took every share and gave no answer about them",
            &format!("it counts {given} of {}", self.threshold),
            "Somebody may have reset the attempt: ask who else works on the vault",
        ))
    }

    /// Cancels what has this nonce and sees that it is gone. The note stays until that was seen.
    pub async fn end(&self, nonce: &str) -> Result<(), Trouble> {
        let mut last = None;
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            match self.tools.read.rotation(self.replica, &self.door).await {
                Ok(seen) if !seen.open() || seen.nonce() != nonce => {
                    self.place.clear();
                    return Ok(());
                }
                Ok(_) => {}
                Err(trouble) => {
                    last = Some(trouble);
                    continue;
                }
            }
            // Looked at again before it is believed, also after an answer of yes.
            last = self.tools.write.cancel_rotation(self.replica, &self.door, nonce).await.err().or(last);
            if let Ok(seen) = self.tools.read.rotation(self.replica, &self.door).await
                && (!seen.open() || seen.nonce() != nonce)
            {
                self.place.clear();
                return Ok(());
            }
        }
        let why = last.map_or_else(|| "it is still open after it was cancelled".to_owned(), |last| last.to_string());
        let of = match self.door.of {
            RotationOf::Root => "unseal keys",
            RotationOf::Recovery => "recovery keys",
        };
        Err(Trouble::new(
            TroubleKind::Unusable,
            &format!("THE ROTATION OF THE {} MAY STILL BE OPEN on {}", of.to_uppercase(), self.replica),
            &joined(&["its cancelling could not be confirmed", &why, "the keys in force are as before"]),
            &format!("Cancel it by hand: {}; the next start of Baowatch tries too", self.door.cancelling()),
        ))
    }
}
