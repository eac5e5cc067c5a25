//! The keystore written to one of its places: guarded, whole, read back, compared; the hands alone do this.

use super::book::{Entry, Place};
use super::held::{self, Found, Held};
use super::place::Near;
use super::shelf::{Writing, within};
use super::{Copies, Inner, PATIENCE};
use crate::app::trouble::{Trouble, TroubleKind};

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// Written, read back, compared; the evidence in words.
    Done(String),
    /// It was the same already.
    Same,
}

impl Copies {
    /// Writes the keystore, which must be of this revision, to the copy of this name.
    pub(in crate::backends) async fn write(&self, name: &str, revision: u64) -> Result<Written, Trouble> {
        let inner = self.inner()?;
        let entry = inner.book.entry(name)?;
        let (bytes, original) = inner.to_write(revision)?;
        let (place, shelf) = (entry.place.words(), inner.shelf(&entry, PATIENCE));
        let there = within(PATIENCE, &place, shelf.read()).await?;
        let held = there.as_ref().map(|there| held::read(there, inner.around.keeper.identity(), &place)).transpose()?;
        if held.as_ref().is_some_and(|held| held.digest == original.digest) {
            inner.noted(&entry, &original, None)?;
            return Ok(Written::Same);
        }
        if let Some(lost) = held.as_ref().and_then(|held| held.would_lose(&original)) {
            return Err(would_lose(name, &lost));
        }
        let near = shelf.near().await;
        still_a_second_place(&entry, &near)?;
        let old = there.zip(held.map(|held| held.revision));
        let writing = Writing { bytes, revision, old };
        let kept = within(PATIENCE, &place, shelf.write(&writing)).await?;
        let opened = inner.read_back(&entry, &writing).await?;
        inner.noted(&entry, &original, Some(&near))?;
        Ok(Written::Done(format!("revision {revision} written, read back{opened}, the same; {kept}")))
    }

    /// What lies there now, for the look after a crash. Changes nothing.
    pub(in crate::backends) async fn probe(&self, name: &str) -> Result<String, Trouble> {
        let inner = self.inner()?;
        let entry = inner.book.entry(name)?;
        let shelf = inner.shelf(&entry, PATIENCE);
        let there = within(PATIENCE, &entry.place.words(), shelf.read()).await?;
        let original = inner.original()?;
        let found = there.map_or(Found::Missing, |bytes| inner.found(&bytes, &entry.place.words()));
        Ok(format!("copy {name} at {}: {}", entry.place.words(), found.state(original.as_ref()).words()))
    }
}

impl Inner {
    /// The keystore as it is now, which must be the one that the plan was made for.
    fn to_write(&self, revision: u64) -> Result<(Vec<u8>, Held), Trouble> {
        let path = self.around.keeper.path().display().to_string();
        let bytes = self.around.keeper.bytes()?.ok_or_else(|| {
            Trouble::new(
                TroubleKind::Absent,
                &format!("there is no keystore at {path}"),
                "a copy may be all there is: it is not touched",
                "Bring it back with `baowatch keys copy restore`",
            )
        })?;
        let original = held::read(&bytes, self.around.keeper.identity(), &path)?;
        if original.revision == revision {
            return Ok((bytes, original));
        }
        Err(Trouble::new(
            TroubleKind::Refused,
            "the keystore was written since the plan was made",
            &format!("it is of revision {} now, the plan is about {revision}", original.revision),
            "Ask for the plan anew; nothing was written",
        ))
    }

    /// Reads it from where it was written to, and opens it where that can be done without asking anybody.
    async fn read_back(&self, entry: &Entry, writing: &Writing) -> Result<String, Trouble> {
        let place = entry.place.words();
        let known = Entry { put: entry.put.iter().copied().chain([writing.revision]).collect(), ..entry.clone() };
        let back = within(PATIENCE, &place, self.shelf(&known, PATIENCE).read()).await?;
        if back.as_ref() != Some(&writing.bytes) {
            let why = if back.is_none() { "nothing is there" } else { "other bytes came back" };
            return Err(Trouble::new(
                TroubleKind::Unusable,
                &format!("copy {} was written and does not read back the same", entry.name),
                why,
                "It counts for nothing as it is. Look at the place, and at its earlier versions",
            ));
        }
        match self.around.keeper.open_other(&writing.bytes) {
            None => Ok(String::new()),
            Some(Ok(opened)) => {
                let same = self.around.keeper.with(|original| original.payload() == opened.payload())?;
                if same { Ok(", opened".to_owned()) } else { Err(not_the_same(&entry.name)) }
            }
            Some(Err(error)) => Err(error.trouble(std::path::Path::new(&place))),
        }
    }

    fn noted(&self, entry: &Entry, original: &Held, written: Option<&Near>) -> Result<(), Trouble> {
        let now = self.around.clock.now();
        self.book.note(entry, |entry| {
            entry.last = Some((now, Found::Keystore(original.clone())));
            // Found as it should be: whoever waits for a look at it gets one, as after a write.
            entry.written = Some(now);
            match written {
                Some(Near::Elsewhere) => (entry.placed, entry.near) = (true, None),
                Some(Near::Here(why)) => (entry.placed, entry.near) = (true, Some(why.clone())),
                Some(Near::Unknown(_)) | None => {}
            }
            if written.is_some()
                && let Place::Command { put, get } = &entry.place
                && super::command::CommandShelf::versioned(put, get)
            {
                entry.put.retain(|revision| *revision != original.revision);
                entry.put.push(original.revision);
            }
        })
    }
}

/// A stick that is not mounted leaves its folder behind, on the very disk that it should be a second place to.
fn still_a_second_place(entry: &Entry, near: &Near) -> Result<(), Trouble> {
    match near {
        Near::Here(why) if entry.placed && entry.near.is_none() => Err(Trouble::new(
            TroubleKind::Refused,
            &format!("copy {} is no second place any more", entry.name),
            &format!("{}: {why}", entry.place.words()),
            "Mount what it lies on and ask again; nothing was written",
        )),
        Near::Here(_) | Near::Elsewhere | Near::Unknown(_) => Ok(()),
    }
}

fn would_lose(name: &str, lost: &str) -> Trouble {
    Trouble::new(
        TroubleKind::Refused,
        &format!("copy {name} holds what would be lost"),
        lost,
        "Nothing was written. Bring it back with `baowatch keys copy restore`, or move it away and ask again",
    )
}

fn not_the_same(name: &str) -> Trouble {
    Trouble::new(
        TroubleKind::Unusable,
        &format!("copy {name} opens and holds other keys than the keystore"),
        "the keystore was written in this moment",
        "Ask for the plan anew",
    )
}
