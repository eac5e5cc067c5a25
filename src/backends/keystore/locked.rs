//! A key in memory: on a page of its own that is kept out of swap where the system allows it, and wiped when dropped.

use std::fmt;

use zeroize::Zeroize as _;

use super::error::KeystoreError;

/// One page. Nothing else lies on it, so unlocking it again can never unlock another key's memory.
#[cfg_attr(target_os = "macos", repr(C, align(16384)))]
#[cfg_attr(not(target_os = "macos"), repr(C, align(4096)))]
struct Page {
    key: [u8; 32],
}

/// 32 secret bytes. They cannot be printed.
pub struct LockedKey {
    page: Box<Page>,
    /// Held as long as the page; `None` where the system grants no locked memory (`ulimit -l`): that is no reason to
    /// refuse to open a keystore in an emergency.
    guard: Option<region::LockGuard>,
}

impl LockedKey {
    /// All zeros, to be filled in place: a key that came from elsewhere would leave a copy there.
    pub fn zeroed() -> Self {
        let page = Box::new(Page { key: [0; 32] });
        let guard = region::lock(std::ptr::from_ref(page.as_ref()), size_of::<Page>()).ok();
        Self { page, guard }
    }

    /// A new key from the system's random bytes.
    pub fn random() -> Result<Self, KeystoreError> {
        let mut key = Self::zeroed();
        getrandom::fill(key.bytes_mut()).map_err(|error| KeystoreError::NoRandom(error.to_string()))?;
        Ok(key)
    }

    /// A copy of these bytes; `None` where they are not 32.
    pub fn copied(bytes: &[u8]) -> Option<Self> {
        let mut key = Self::zeroed();
        if bytes.len() != key.bytes().len() {
            return None;
        }
        key.bytes_mut().copy_from_slice(bytes);
        Some(key)
    }

    /// Lends it.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.page.key
    }

    /// Lends it to be filled.
    pub const fn bytes_mut(&mut self) -> &mut [u8; 32] {
        &mut self.page.key
    }

    /// Whether its page is kept out of swap.
    pub const fn is_locked(&self) -> bool {
        self.guard.is_some()
    }
}

impl Clone for LockedKey {
    fn clone(&self) -> Self {
        let mut copy = Self::zeroed();
        copy.bytes_mut().copy_from_slice(self.bytes());
        copy
    }
}

impl Drop for LockedKey {
    fn drop(&mut self) {
        self.page.key.zeroize();
        self.guard = None;
    }
}

impl fmt::Debug for LockedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockedKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_pages_of_its_own_and_says_nothing_of_itself() {
        let one = LockedKey::copied(&[7; 32]).unwrap();
        let two = one.clone();
        assert_eq!(one.bytes(), two.bytes());
        assert_eq!(std::ptr::from_ref(one.page.as_ref()).addr() % size_of::<Page>(), 0);
        assert_eq!(format!("{one:?}"), "LockedKey");
        assert!(LockedKey::copied(&[7; 31]).is_none());
        assert_ne!(LockedKey::random().unwrap().bytes(), LockedKey::random().unwrap().bytes());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_says_it_is_locked_is_locked() {
        let key = LockedKey::zeroed();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
        let kib: u64 = locked.split_whitespace().next().unwrap().parse().unwrap();
        assert!(!key.is_locked() || kib >= 4, "{kib}");
    }
}
