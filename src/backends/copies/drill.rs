//! The restore test: a copy is opened with a slot, and its keys are compared; and the way back from a copy.

use jiff::Timestamp;

use super::held;
use super::shelf::within;
use super::{Copies, Inner, PATIENCE};
use crate::app::model::keys_secret::Fingerprint;
use crate::app::model::keystore::KeystoreLook;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::keys::fingerprint;
use crate::backends::keystore::{Opened, Opener};

/// What a restore test showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// When.
    pub at: Timestamp,
    /// With which slot, in words.
    pub slot: String,
    /// What was compared, in words.
    pub says: String,
}

impl Copies {
    /// The bytes of a copy, or of a version of it.
    pub async fn fetch(&self, name: &str, version: Option<&str>) -> Result<Vec<u8>, Trouble> {
        let inner = self.inner()?;
        let entry = inner.book.entry(name)?;
        let (place, shelf) = (entry.place.words(), inner.shelf(&entry, PATIENCE));
        let bytes = match version {
            None => within(PATIENCE, &place, shelf.read()).await?,
            Some(id) => within(PATIENCE, &place, shelf.version(id)).await?,
        };
        let bytes = bytes.ok_or_else(|| {
            let what = version.map_or_else(
                || format!("there is nothing at {place}"),
                |id| format!("there is no version {id} of copy {name}"),
            );
            Trouble::new(TroubleKind::Absent, &what, "", "See `baowatch keys copy versions`; nothing was changed")
        })?;
        held::read(&bytes, inner.around.keeper.identity(), &place)?;
        Ok(bytes)
    }

    /// Opens a copy with what somebody has, compares its keys, and keeps the date. Blocks for a derivation.
    pub fn test(&self, name: &str, bytes: &[u8], with: &Opener, slot: Option<u32>) -> Result<Tested, Trouble> {
        let inner = self.inner()?;
        let entry = inner.book.entry(name)?;
        let place = entry.place.words();
        let opened = Opened::open(bytes, Some(inner.around.keeper.identity()), with)
            .map_err(|error| error.trouble(std::path::Path::new(&place)))?;
        if let Some(wanted) = slot.filter(|wanted| *wanted != opened.opened_by()) {
            return Err(Trouble::new(
                TroubleKind::Refused,
                &format!("this opens {}, not slot {wanted}", opened.opened_by_words()),
                "each slot is tested by itself",
                "Give what opens that slot; nothing was noted",
            ));
        }
        sound(&opened, name)?;
        let says = inner.compared(&opened, name)?;
        let tested = Tested { at: inner.around.clock.now(), slot: opened.opened_by_words(), says };
        inner.book.note(&entry, |entry| entry.tested = Some((tested.at, tested.slot.clone())))?;
        Ok(tested)
    }
}

/// Its content must be what its header says of it.
fn sound(opened: &Opened, name: &str) -> Result<(), Trouble> {
    let salt = opened.salt().map_err(|error| error.trouble(std::path::Path::new(name)))?;
    let agrees = opened.header().generations.iter().all(|seen| {
        let held = opened.payload().generation(seen.number);
        let prints: Option<Vec<Fingerprint>> =
            held.map(|held| held.shares.iter().map(|share| fingerprint(&salt, share.expose())).collect());
        prints.as_ref() == Some(&seen.prints)
    });
    if agrees { Ok(()) } else { Err(differs(name, "its keys are not those that its header names")) }
}

fn differs(name: &str, why: &str) -> Trouble {
    Trouble::new(
        TroubleKind::Unusable,
        &format!("copy {name} opens and does not hold what it should"),
        why,
        "Do not count on it; the date is not noted. Look at its earlier versions",
    )
}

impl Inner {
    /// Key material against the keystore where that is open, else fingerprints against its header.
    fn compared(&self, copy: &Opened, name: &str) -> Result<String, Trouble> {
        let newest =
            copy.header().current().map_or_else(|| "no keys".to_owned(), |one| format!("generation {}", one.number));
        let keeper = &self.around.keeper;
        let seen = match keeper.look() {
            KeystoreLook::Present(seen) => seen,
            KeystoreLook::Absent { .. } | KeystoreLook::Unreadable { .. } => {
                return Ok(format!("holds {newest}; there is no keystore here to compare it with"));
            }
        };
        let current = seen.current();
        let lacks = current.filter(|current| !copy.header().generations.iter().any(|one| one.prints == current.prints));
        let same_salt =
            copy.header().salt == keeper.with(|own| own.header().salt.clone()).unwrap_or_else(|_| self.salt());
        if !same_salt && !keeper.is_open() {
            return Err(differs(
                name,
                "it was made separately, and the keystore here is locked: nothing can be compared",
            ));
        }
        if keeper.is_open() {
            let differing = keeper.with(|own| {
                copy.payload().generations.iter().find_map(|held| {
                    let mine = own.payload().generation(held.number)?;
                    (mine.shares != held.shares || mine.root_token != held.root_token).then_some(held.number)
                })
            })?;
            if let Some(number) = differing {
                return Err(differs(name, &format!("generation {number} in it is another one than here")));
            }
        }
        let how = if keeper.is_open() { "key material compared, both opened" } else { "compared by fingerprint" };
        Ok(match lacks {
            Some(current) => {
                format!("holds {newest}, the same as here ({how}); LACKS the current generation {}", current.number)
            }
            None => format!("holds {newest}, the same as here ({how})"),
        })
    }

    fn salt(&self) -> String {
        self.original().ok().flatten().map_or_else(String::new, |held| held.salt)
    }
}
