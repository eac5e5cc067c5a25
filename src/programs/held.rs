//! What is held of the keys on this machine: where the keystore lies, what opens it unasked, and whose salt is used.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::config::file::KeystoreEntry;
use crate::app::id::Identity;
use crate::app::model::keystore::{KeystoreSeen, SlotKind};
use crate::app::ports::Memory as _;
use crate::app::text::clean;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::copies::{Around, Copies};
use crate::backends::feeds::Held;
use crate::backends::files::memory::FileMemory;
use crate::backends::files::register::{KeystoreKnown, salt_of_hex};
use crate::backends::keys::Salt;
use crate::backends::keystore::header::Header;
use crate::backends::keystore::store::{FileStore, Store as _};
use crate::backends::keystore::{Keeper, Opener, format, keyfile, keyring};
use crate::backends::kube::port::Kube;
use crate::backends::kube::register;

/// What the register beside the vault says of the salt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// This one.
    Salt(Vec<u8>),
    /// Nothing: there is none, it is not this vault's, or this user may never read it.
    Nothing,
    /// It was not asked, or gave no answer: tomorrow it may say what it said yesterday.
    Unheard,
}

/// The salt that the register beside the vault names, where there is one and it can be read. A register that cannot be
/// read is the register feed's to tell of.
pub async fn published_salt(kube: Option<&dyn Kube>, namespace: &str, identity: &Identity) -> Published {
    let Some(kube) = kube else { return Published::Nothing };
    match kube.config_map(namespace, register::NAME).await {
        Ok(found) => found.and_then(|map| register::salt(&map, identity)).map_or(Published::Nothing, Published::Salt),
        Err(trouble) if trouble.kind == TroubleKind::Denied => Published::Nothing,
        Err(_) => Published::Unheard,
    }
}

/// Everybody who looks at one vault must make the same fingerprints: the salt of the register beside the vault beats that
/// of the keystore, that beats the one of this machine. What was kept here under another salt is set aside, and said; an
/// answer that failed to come must not cost the proofs, so what this machine used last is used until the register is heard.
pub fn agreed_salt(
    memory: &FileMemory,
    identity: &Identity,
    keystore: &Path,
    published: Published,
) -> Result<(Salt, Option<String>), Trouble> {
    let of_keystore = || {
        let bytes = FileStore(keystore.to_owned()).read().ok()??;
        let header = format::parts(&bytes).ok()?.header;
        salt_of_hex(&header.salt).filter(|_| header.identity == *identity)
    };
    let (salt, whose) = match published {
        Published::Salt(salt) => (salt, "the register beside the vault"),
        Published::Unheard if memory.has_salt()? => return Ok((Salt(memory.salt(identity)?), None)),
        Published::Nothing | Published::Unheard => match of_keystore() {
            Some(salt) => (salt, "the keystore"),
            None => return Ok((Salt(memory.salt(identity)?), None)),
        },
    };
    let aside = memory.adopt(&salt)?;
    let names: Vec<String> = aside.iter().map(|path| path.display().to_string()).collect();
    let note = (!names.is_empty()).then(|| {
        format!(
            "fingerprints are made with the salt of {whose} now; what was known here before cannot be compared and was set \
             aside: {}",
            names.join(", ")
        )
    });
    Ok((Salt(salt), note))
}

/// The keystore of this vault and its copies, as far as this machine knows of them.
pub fn held(
    identity: &Identity,
    salt: &Salt,
    entry: &KeystoreEntry,
    path: PathBuf,
    memory: &Arc<FileMemory>,
    around: impl FnOnce(&Keeper, &str) -> Option<Around>,
) -> Result<Held, Trouble> {
    let expected = memory.keystore()?.is_some_and(|known| known.path == path);
    let (keyfile, memory) = (entry.keyfile.clone(), Arc::clone(memory));
    let silently = Arc::new(move |header: &Header| at_hand(header, keyfile.as_deref()));
    let remember = Arc::new(move |seen: &KeystoreSeen| {
        let (path, digest) = (PathBuf::from(&seen.path), seen.digest.clone());
        if let Err(trouble) = memory.keep_keystore(KeystoreKnown { path, revision: seen.revision, digest }) {
            tracing::warn!(%trouble, "that there is a keystore could not be remembered");
        }
    });
    let store = Arc::new(FileStore(path));
    let keeper = Keeper::new(store, identity.clone(), salt.clone(), silently, expected).remembering(remember);
    let holder = entry.holder.clone().unwrap_or_else(this_machine);
    let copies = Arc::new(Copies::new(around(&keeper, &holder)));
    Ok(Held { keeper, copies, holder })
}

/// What opens the keystore without anybody being asked, or why it does not: the keyring where the keystore has a slot for
/// one, then the configured keyfile.
fn at_hand(header: &Header, keyfile: Option<&Path>) -> Vec<Result<Opener, Trouble>> {
    let of_kind = |kind| header.slots.iter().filter(move |slot| slot.kind == kind);
    let keyrings = of_kind(SlotKind::Keyring).map(|slot| keyring::fetch(&header.file, slot.id).map(Opener::Keyring));
    let keyfile = keyfile.filter(|_| of_kind(SlotKind::Keyfile).next().is_some());
    keyrings.chain(keyfile.map(|path| keyfile::read(path).map(Opener::Keyfile))).collect()
}

/// `anna@laptop`: what this machine is called in the register where nobody named it.
fn this_machine() -> String {
    let user =
        ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
    let user = user.unwrap_or_else(|| format!("user {}", rustix::process::geteuid().as_raw()));
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    clean(&format!("{user}@{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::model::keystore::KeystoreLook;
    use crate::app::model::proof::{Answer, Method, Proof};
    use crate::backends::keystore::Opened;
    use crate::backends::keystore::kdf::Cost;
    use zeroize::Zeroizing;

    fn at(second: i64) -> jiff::Timestamp {
        jiff::Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn identity() -> Identity {
        Identity("cluster/data/openbao".to_owned())
    }

    fn keystore(path: &Path, identity: &Identity, salt: &Salt, first: &Opener) {
        let bytes = Opened::create(identity, salt, first, Cost::FLOOR, "first", at(0)).unwrap().seal(at(1)).unwrap();
        FileStore(path.to_owned()).replace(&bytes).unwrap();
    }

    fn file_opener() -> Opener {
        Opener::Keyfile(Zeroizing::new([5; 32]))
    }

    fn proof() -> Proof {
        Proof {
            method: Method::OwnUnseal,
            answer: Answer::Accepted,
            at: at(0),
            replica: "openbao-0".into(),
            cluster_id: Some("c1".into()),
            prints: vec![crate::app::model::keys_secret::Fingerprint("7f3a91c2aabbccdd".into())],
            namespace: None,
        }
    }

    #[test]
    fn the_register_beside_the_vault_beats_the_keystore_and_that_beats_this_machine() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.keystore");
        let of_keystore = Salt(vec![2; 16]);
        keystore(&path, &identity(), &of_keystore, &file_opener());
        let memory = FileMemory::open(&folder.path().join("state"), &identity()).unwrap();
        let none = folder.path().join("none");
        let agreed = |path: &Path, published| agreed_salt(&memory, &identity(), path, published).unwrap();

        let (own, note) = agreed(&none, Published::Nothing);
        assert_eq!(note, None);
        assert_eq!(agreed(&none, Published::Nothing).0.0, own.0, "a new one was made once");
        assert_eq!(agreed(&path, Published::Unheard).0.0, own.0, "silence changes nothing");
        let (salt, note) = agreed(&path, Published::Nothing);
        assert_eq!(salt.0, of_keystore.0);
        assert!(note.unwrap().contains("salt of the keystore"));
        let (salt, note) = agreed(&path, Published::Salt(vec![3; 16]));
        assert_eq!(salt.0, vec![3; 16]);
        assert!(note.unwrap().contains("register beside the vault"));
        assert_eq!(agreed(&path, Published::Salt(vec![3; 16])).1, None, "nothing is set aside twice");
        assert_eq!(agreed(&none, Published::Nothing).0.0, vec![3; 16], "it stays where the register cannot be seen");
    }

    #[test]
    fn a_keystore_of_another_vault_says_nothing_about_the_salt() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.keystore");
        keystore(&path, &Identity("other/data/openbao".into()), &Salt(vec![2; 16]), &file_opener());
        let memory = FileMemory::open(folder.path(), &identity()).unwrap();
        assert_ne!(agreed_salt(&memory, &identity(), &path, Published::Nothing).unwrap().0.0, vec![2; 16]);
    }

    #[test]
    fn what_was_known_under_another_salt_is_set_aside_and_not_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let memory = FileMemory::open(folder.path(), &identity()).unwrap();
        memory.salt(&identity()).unwrap();
        memory.keep_proof(&proof()).unwrap();
        memory.keep_history(&[]).unwrap();
        let before = std::fs::read(folder.path().join("register.json")).unwrap();
        let other = FileMemory::open(folder.path(), &identity()).unwrap();
        let aside = other.adopt(&[9; 16]).unwrap();
        assert_eq!(aside.len(), 2, "{aside:?}");
        assert!(aside.iter().any(|path| std::fs::read(path).unwrap() == before), "the proof is still to be read");
        assert_eq!(other.recall().unwrap(), (Vec::new(), Vec::new()));
        // The session that was there before does not mix its fingerprints into the new ones.
        let trouble = memory.keep_proof(&proof()).unwrap_err();
        assert!(trouble.what.contains("another salt"), "{trouble}");
        assert!(memory.keep_history(&[]).is_err());
        other.keep_proof(&proof()).unwrap();
        assert_eq!(other.recall().unwrap().1.len(), 1);
        // And there and back again.
        assert_eq!(other.adopt(&[8; 16]).unwrap().len(), 1);
        assert_eq!(other.adopt(&[9; 16]).unwrap().len(), 1);
        assert_eq!(other.adopt(&[8; 16]).unwrap().len(), 1);
        assert!(std::fs::read_dir(folder.path()).unwrap().count() >= 6);
        assert!(other.adopt(&[1; 3]).is_err());
    }

    #[test]
    fn a_keystore_that_was_seen_once_is_missed_in_the_next_session() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.keystore");
        let salt = Salt(vec![2; 16]);
        let memory = Arc::new(FileMemory::open(&folder.path().join("state"), &identity()).unwrap());
        memory.adopt(&salt.0).unwrap();
        let entry = KeystoreEntry::default();
        let session = |path: &Path| {
            let held = held(&identity(), &salt, &entry, path.to_owned(), &memory, |_, _| None).unwrap();
            held.keeper.look()
        };
        assert!(matches!(session(&path), KeystoreLook::Absent { expected: false, .. }));
        keystore(&path, &identity(), &salt, &file_opener());
        let KeystoreLook::Present(seen) = session(&path) else { panic!("it is there") };
        let known = memory.keystore().unwrap().unwrap();
        assert_eq!((known.path, known.revision, known.digest), (path.clone(), seen.revision, seen.digest));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(session(&path), KeystoreLook::Absent { expected: true, .. }));
        assert!(matches!(session(&folder.path().join("y")), KeystoreLook::Absent { expected: false, .. }));
        // Another salt takes the fingerprints away, not the knowledge that there was a keystore.
        memory.adopt(&[7; 16]).unwrap();
        assert!(memory.keystore().unwrap().is_some());
    }

    #[test]
    fn a_configured_keyfile_opens_it_unasked_and_a_bad_one_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let (path, key) = (folder.path().join("x.keystore"), folder.path().join("key"));
        let bytes = keyfile::make(&key).unwrap();
        let salt = Salt(vec![2; 16]);
        keystore(&path, &identity(), &salt, &Opener::Keyfile(bytes));
        let memory = Arc::new(FileMemory::open(&folder.path().join("state"), &identity()).unwrap());
        let keeper = |keyfile: Option<&Path>| {
            let entry = KeystoreEntry { keyfile: keyfile.map(Path::to_owned), ..KeystoreEntry::default() };
            held(&identity(), &salt, &entry, path.clone(), &memory, |_, _| None).unwrap().keeper
        };
        assert_eq!(keeper(Some(&key)).unlock_silently().unwrap(), "slot 1, keyfile");
        let nothing = keeper(None).unlock_silently().unwrap_err();
        assert_eq!(nothing.kind, crate::app::trouble::TroubleKind::Absent);
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        let open_to_all = keeper(Some(&key)).unlock_silently().unwrap_err();
        assert!(open_to_all.next.contains("chmod 400"), "{open_to_all}");
    }

    #[test]
    fn a_keyring_that_lost_its_entry_is_named_and_the_keyfile_is_tried_next() {
        let folder = tempfile::tempdir().unwrap();
        let (path, key) = (folder.path().join("x.keystore"), folder.path().join("key"));
        let salt = Salt(vec![2; 16]);
        let lost = Opener::Keyring(Zeroizing::new([6; 32]));
        let mut opened = Opened::create(&identity(), &salt, &lost, Cost::FLOOR, "laptop", at(0)).unwrap();
        let bytes = keyfile::make(&key).unwrap();
        opened.add_slot(&Opener::Keyfile(bytes), Cost::FLOOR, "file", at(0)).unwrap();
        FileStore(path.clone()).replace(&opened.seal(at(1)).unwrap()).unwrap();
        let memory = Arc::new(FileMemory::open(&folder.path().join("state"), &identity()).unwrap());
        let keeper = |keyfile: Option<&Path>| {
            let entry = KeystoreEntry { keyfile: keyfile.map(Path::to_owned), ..KeystoreEntry::default() };
            held(&identity(), &salt, &entry, path.clone(), &memory, |_, _| None).unwrap().keeper
        };
        // With a keyring on this machine it has lost the key; without one there is none: both say so.
        let trouble = keeper(None).unlock_silently().unwrap_err();
        assert!(trouble.what.contains("keyring"), "{trouble}");
        assert_eq!(keeper(Some(&key)).unlock_silently().unwrap(), "slot 2, keyfile");
    }

    #[test]
    fn this_machine_has_a_name() {
        let name = this_machine();
        let (user, host) = name.split_once('@').unwrap();
        assert!(!user.is_empty() && !host.is_empty(), "{name}");
    }
}
