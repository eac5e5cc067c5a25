//! A slot's key in the keyring of the operating system: put there, read back, taken away; or why there is no keyring here.
//!
//! Only what one round trip has shown counts: a store can often be opened on a machine where nothing can be stored in it.
//! Errors of a keyring are never printed as they are: some carry the secret.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use keyring_core::{CredentialStore, Entry, Error};
use zeroize::{Zeroize as _, Zeroizing};

use super::opened::{hex, unhex};
use super::slot::random;
use crate::app::text::clean;
use crate::app::trouble::{Trouble, TroubleKind};

/// Under which service entries are kept.
pub const SERVICE: &str = "baowatch";
/// A keyring may ask a person for its own password first; one that says nothing for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The 32 bytes of a keyring slot.
pub type Key = Zeroizing<[u8; 32]>;

/// Which keyring an entry lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// The desktop's, over D-Bus: GNOME Keyring, KDE Wallet, `KeePassXC`.
    SecretService,
    /// The kernel's.
    Keyutils,
    /// The one of macOS.
    Keychain,
}

impl Where {
    /// In a few words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::SecretService => "the desktop's keyring (Secret Service)",
            Self::Keyutils => "the kernel's keyring",
            Self::Keychain => "the keychain",
        }
    }

    /// What somebody must know who puts a key there.
    pub const fn caveat(self) -> Option<&'static str> {
        match self {
            Self::Keyutils => Some(
                "This keyring is kernel memory: it forgets at the next restart of this machine, and after some days \
                 without use. It saves typing until then; keep a passphrase or a recovery code too",
            ),
            Self::SecretService | Self::Keychain => None,
        }
    }
}

/// The keyrings of this machine, the one that is asked first in front.
pub struct Keyrings {
    stores: Vec<(Where, Arc<CredentialStore>)>,
    /// Why one is not there.
    missing: Vec<String>,
}

/// Puts the key of a slot into the first keyring that keeps it, and reads it back from there. Blocks; never longer than
/// half a minute.
pub fn store(file: &str, slot: u32, key: &Key) -> Result<Where, Trouble> {
    let (file, key) = (file.to_owned(), key.clone());
    patiently(move || Keyrings::of_this_machine().store(&file, slot, &key))
}

/// The key of a slot. Blocks; never longer than half a minute.
pub fn fetch(file: &str, slot: u32) -> Result<Key, Trouble> {
    let file = file.to_owned();
    patiently(move || Keyrings::of_this_machine().fetch(&file, slot))
}

/// Takes the key of a slot out of every keyring; whether there was one. Blocks; never longer than half a minute.
pub fn forget(file: &str, slot: u32) -> Result<bool, Trouble> {
    let file = file.to_owned();
    patiently(move || Ok(Keyrings::of_this_machine().forget(&file, slot)))
}

/// Which keyring would keep a key, shown by writing, reading and deleting one. Blocks; never longer than half a minute.
pub fn probe() -> Result<Where, Trouble> {
    patiently(|| Keyrings::of_this_machine().probe())
}

/// A keyring's call has no end of its own: it is made on a thread that can be left behind.
fn patiently<T: Send + 'static>(call: impl FnOnce() -> Result<T, Trouble> + Send + 'static) -> Result<T, Trouble> {
    let (send, answer) = mpsc::channel();
    let begun = std::thread::Builder::new().name("keyring".to_owned()).spawn(move || {
        // Nobody may be listening any more.
        let _ = send.send(call());
    });
    if begun.is_err() {
        return Err(none_here("no thread could be started to ask it"));
    }
    match answer.recv_timeout(PATIENCE) {
        Ok(answered) => answered,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(Trouble::unreachable(
            "the keyring did not answer within 30 seconds",
            "it may be waiting for its own password on another screen",
            "Unlock the keyring and try again, or use another slot",
        )),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(none_here("its library failed")),
    }
}

impl Keyrings {
    /// Opens what is there. That one can be opened does not say that it keeps anything.
    pub fn of_this_machine() -> Self {
        let mut all = Self { stores: Vec::new(), missing: Vec::new() };
        #[cfg(all(target_os = "linux", feature = "secret-service"))]
        all.add(
            Where::SecretService,
            zbus_secret_service_keyring_store::Store::new().map(|s| s as Arc<CredentialStore>),
        );
        #[cfg(target_os = "linux")]
        all.add(Where::Keyutils, linux_keyutils_keyring_store::Store::new().map(|s| s as Arc<CredentialStore>));
        #[cfg(target_os = "macos")]
        all.add(Where::Keychain, apple_native_keyring_store::keychain::Store::new().map(|s| s as Arc<CredentialStore>));
        all
    }

    fn add(&mut self, place: Where, opened: keyring_core::Result<Arc<CredentialStore>>) {
        match opened {
            Ok(store) => self.stores.push((place, store)),
            Err(error) => self.missing.push(format!("{}: {}", place.words(), words(error))),
        }
    }

    /// These and no others.
    pub fn of(stores: Vec<(Where, Arc<CredentialStore>)>) -> Self {
        Self { stores, missing: Vec::new() }
    }

    /// See [`store`].
    pub fn store(&self, file: &str, slot: u32, key: &Key) -> Result<Where, Trouble> {
        self.keep(&user(file, slot), key)
    }

    /// See [`probe`].
    pub fn probe(&self) -> Result<Where, Trouble> {
        let fail = |_| none_here("the system has no random bytes");
        let (name, key) = (random::<8>().map_err(fail)?, random::<32>().map_err(fail)?);
        let user = format!("probe {}", hex(name.as_ref()));
        let place = self.keep(&user, &key)?;
        self.remove(&user);
        Ok(place)
    }

    fn keep(&self, user: &str, key: &Key) -> Result<Where, Trouble> {
        // As text: not every keyring takes bytes that are none.
        let text = Zeroizing::new(hex(key.as_ref()));
        let mut why = self.missing.clone();
        for (place, store) in &self.stores {
            let kept = entry(store, user).and_then(|entry| {
                entry.set_secret(text.as_bytes())?;
                let back = Zeroizing::new(entry.get_secret()?);
                Ok(back.as_slice() == text.as_bytes())
            });
            match kept {
                Ok(true) => return Ok(*place),
                Ok(false) => why.push(format!("{}: it gives back something else", place.words())),
                Err(error) => why.push(format!("{}: {}", place.words(), words(error))),
            }
            // Half a success must not be found later.
            drop(entry(store, user).and_then(|entry| entry.delete_credential()));
        }
        Err(none_here(&why.join("; ")))
    }

    /// See [`fetch`].
    pub fn fetch(&self, file: &str, slot: u32) -> Result<Key, Trouble> {
        let user = user(file, slot);
        let mut why = self.missing.clone();
        let mut asked = Vec::new();
        for (place, store) in &self.stores {
            match entry(store, &user).and_then(|entry| entry.get_secret()) {
                Ok(bytes) => {
                    let bytes = Zeroizing::new(bytes);
                    match read(&bytes) {
                        Some(key) => return Ok(key),
                        None => why.push(format!("{}: its entry is no key of ours", place.words())),
                    }
                }
                Err(Error::NoEntry) => asked.push(place.words()),
                Err(error) => why.push(format!("{}: {}", place.words(), words(error))),
            }
        }
        if asked.is_empty() {
            return Err(none_here(&why.join("; ")));
        }
        Err(Trouble::new(
            TroubleKind::Refused,
            &format!("the keyring has lost the key of slot {slot}"),
            &format!("{} answers and has no entry for it", asked.join(" and ")),
            &format!(
                "Use another slot; then `baowatch keys slots remove {slot}` and `baowatch keys slots add keyring` make a new entry"
            ),
        ))
    }

    /// See [`forget`].
    pub fn forget(&self, file: &str, slot: u32) -> bool {
        self.remove(&user(file, slot))
    }

    fn remove(&self, user: &str) -> bool {
        let mut removed = false;
        for (_, store) in &self.stores {
            removed |= entry(store, user).and_then(|entry| entry.delete_credential()).is_ok();
        }
        removed
    }
}

/// How the entry of a slot is called: two keystores of one machine never share one.
fn user(file: &str, slot: u32) -> String {
    format!("keystore {file} slot {slot}")
}

fn entry(store: &Arc<CredentialStore>, user: &str) -> keyring_core::Result<Entry> {
    store.build(SERVICE, user, None)
}

fn read(text: &[u8]) -> Option<Key> {
    let text = std::str::from_utf8(text).ok()?;
    let bytes = Zeroizing::new(unhex(text)?);
    let mut key = Zeroizing::new([0_u8; 32]);
    if bytes.len() != key.len() {
        return None;
    }
    for (to, from) in key.iter_mut().zip(bytes.iter()) {
        *to = *from;
    }
    Some(key)
}

/// The error in words that cannot hold the secret. Takes it, to wipe what it carries.
fn words(error: Error) -> String {
    let platform = |error: &dyn std::error::Error| clean(&error.to_string()).chars().take(120).collect::<String>();
    match error {
        Error::PlatformFailure(error) => platform(error.as_ref()),
        Error::NoStorageAccess(error) => format!("it is locked or closed to this program ({})", platform(error.as_ref())),
        Error::NoEntry => "it kept nothing".to_owned(),
        Error::BadEncoding(mut bytes) | Error::BadDataFormat(mut bytes, _) => {
            bytes.zeroize();
            "what it gives back cannot be read".to_owned()
        }
        Error::BadStoreFormat(_) => "its own store is damaged".to_owned(),
        Error::TooLong(..) | Error::Invalid(..) => "it does not take an entry of ours".to_owned(),
        Error::Ambiguous(entries) => format!("it has {} entries for the one name", entries.len()),
        Error::NoDefaultStore | Error::NotSupportedByStore(_) => "it does not support this".to_owned(),
        _ => "it failed".to_owned(),
    }
}

fn none_here(why: &str) -> Trouble {
    let why = if why.is_empty() { "this build knows no keyring of this system" } else { why };
    Trouble::new(
        TroubleKind::Absent,
        "there is no keyring here that keeps a key",
        why,
        "Use a passphrase, a keyfile or a recovery code; on a desktop, unlock its keyring first",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "00112233445566778899aabbccddeeff";

    fn mock() -> Arc<CredentialStore> {
        keyring_core::mock::Store::new().unwrap()
    }

    fn fails_next(store: &Arc<CredentialStore>, user: &str, error: Error) {
        let entry = entry(store, user).unwrap();
        entry.as_any().downcast_ref::<keyring_core::mock::Cred>().unwrap().set_error(error);
    }

    #[test]
    fn a_key_comes_back_under_its_own_name_and_no_other() {
        let all = Keyrings::of(vec![(Where::SecretService, mock())]);
        let key = Zeroizing::new([7; 32]);
        assert_eq!(all.store(FILE, 2, &key).unwrap(), Where::SecretService);
        assert_eq!(*all.fetch(FILE, 2).unwrap(), [7; 32]);
        for (file, slot) in [(FILE, 3), ("ff112233445566778899aabbccddeeff", 2)] {
            let trouble = all.fetch(file, slot).unwrap_err();
            assert!(trouble.what.contains("lost the key of slot"), "{trouble}");
            assert_eq!(trouble.kind, TroubleKind::Refused);
        }
        assert!(all.forget(FILE, 2));
        assert!(!all.forget(FILE, 2));
        assert!(all.fetch(FILE, 2).is_err());
    }

    #[test]
    fn the_next_keyring_is_used_where_the_first_keeps_nothing() {
        let (first, second) = (mock(), mock());
        fails_next(&first, &user(FILE, 1), Error::NoStorageAccess("the collection is locked".into()));
        let all = Keyrings::of(vec![(Where::SecretService, first), (Where::Keyutils, second)]);
        let place = all.store(FILE, 1, &Zeroizing::new([9; 32])).unwrap();
        assert_eq!(place, Where::Keyutils);
        assert!(place.caveat().unwrap().contains("restart"));
        assert_eq!(*all.fetch(FILE, 1).unwrap(), [9; 32]);
    }

    #[test]
    fn a_probe_leaves_nothing_behind() {
        let store = keyring_core::mock::Store::new().unwrap();
        let all = Keyrings::of(vec![(Where::SecretService, store.clone() as Arc<CredentialStore>)]);
        assert_eq!(all.probe().unwrap(), Where::SecretService);
        let mut held = store.inner.lock().unwrap();
        for cred in held.get_mut().iter() {
            assert!(cred.inner.lock().unwrap().get_mut().secret.is_none());
        }
    }

    #[test]
    fn no_error_of_a_keyring_repeats_what_it_holds() {
        let canary = b"CANARY-SECRET".to_vec();
        for error in [
            Error::BadEncoding(canary.clone()),
            Error::BadDataFormat(canary.clone(), format!("{canary:?}").into()),
            Error::BadStoreFormat("CANARY-SECRET".into()),
            Error::Invalid("secret".into(), "CANARY-SECRET".into()),
        ] {
            let store = mock();
            fails_next(&store, &user(FILE, 1), error);
            let trouble = Keyrings::of(vec![(Where::SecretService, store)]).fetch(FILE, 1).unwrap_err().to_string();
            assert!(!trouble.contains("CANARY") && !trouble.contains("67, 65, 78"), "{trouble}");
        }
    }

    #[test]
    fn rubbish_in_an_entry_is_no_key() {
        let store = mock();
        entry(&store, &user(FILE, 1)).unwrap().set_password("hunter2").unwrap();
        let trouble = Keyrings::of(vec![(Where::SecretService, store)]).fetch(FILE, 1).unwrap_err().to_string();
        assert!(trouble.contains("no key of ours") && !trouble.contains("hunter2"), "{trouble}");
    }

    /// Wherever this runs: either a keyring keeps the key, or a sentence says why not. Both are the real ones.
    #[test]
    fn the_keyrings_of_this_machine_keep_a_key_or_say_why_not() {
        let name = hex(random::<16>().unwrap().as_ref());
        let key = random::<32>().unwrap();
        match store(&name, 1, &key) {
            Ok(place) => {
                assert_eq!(*fetch(&name, 1).unwrap(), *key, "{}", place.words());
                assert!(forget(&name, 1).unwrap());
            }
            Err(trouble) => {
                assert_eq!(trouble.kind, TroubleKind::Absent);
                assert!(trouble.why.contains("keyring"), "{trouble}");
                assert_eq!(probe().unwrap_err().kind, TroubleKind::Absent);
                assert!(fetch(&name, 1).is_err());
            }
        }
    }
}
