//! What operations are performed with. The one place where writing clients are made.

use std::sync::Arc;

use secrecy::SecretString;

use crate::app::id::Identity;
use crate::app::ports::Clock;
use crate::app::runtime::clock::WallClock;
use crate::app::runtime::slots::Slots;
use crate::backends::bao::read::BaoRead;
use crate::backends::bao::transport::Transport;
use crate::backends::bao::write::BaoWrite;
use crate::backends::copies::Copies;
use crate::backends::feeds::Held;
use crate::backends::keys::{FieldNames, Salt};
use crate::backends::keystore::Keeper;
use crate::backends::keystore::keeper::Attempt;
use crate::backends::kube::port::{Kube, KubeWrite};

/// What tools are made of.
pub struct Gear {
    /// The way to the replicas.
    pub transport: Arc<dyn Transport>,
    /// Reads the cluster; `None` without Kubernetes.
    pub kube: Option<Arc<dyn Kube>>,
    /// Writes to the cluster; `None` without Kubernetes.
    pub kube_write: Option<Arc<dyn KubeWrite>>,
    /// Which field of the keys Secret is for what.
    pub names: FieldNames,
    /// Makes fingerprints.
    pub salt: Salt,
    /// What was typed.
    pub slots: Slots,
    /// The keystore.
    pub keeper: Keeper,
    /// Its copies.
    pub copies: Arc<Copies>,
    /// The token that was given for this vault.
    pub token: Option<SecretString>,
    /// Which cluster and vault.
    pub identity: Identity,
    /// What this machine is called in the register.
    pub holder: String,
    /// The vault's state folder; `None` in the sandbox, which leaves nothing behind.
    pub folder: Option<std::path::PathBuf>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Gear {
    /// Without a keystore, copies or a token: for what is about replicas and Secrets alone.
    pub fn bare(
        transport: Arc<dyn Transport>,
        kube: Option<Arc<dyn Kube>>,
        names: FieldNames,
        salt: Salt,
        slots: Slots,
    ) -> Self {
        let held = Held::nothing();
        Self {
            transport,
            kube,
            kube_write: None,
            names,
            salt,
            slots,
            identity: held.keeper.identity().clone(),
            keeper: held.keeper,
            copies: held.copies,
            token: None,
            holder: held.holder,
            folder: None,
            clock: Arc::new(WallClock),
        }
    }
}

/// What operations are performed with.
pub struct Tools {
    pub(super) read: BaoRead,
    pub(super) write: BaoWrite,
    /// Reads Secrets at the moment of use; `None` without Kubernetes.
    pub(super) kube: Option<Arc<dyn Kube>>,
    pub(super) kube_write: Option<Arc<dyn KubeWrite>>,
    pub(super) names: FieldNames,
    pub(super) salt: Salt,
    pub(super) slots: Slots,
    pub(super) keeper: Keeper,
    pub(super) copies: Arc<Copies>,
    pub(super) token: Option<SecretString>,
    pub(super) identity: Identity,
    pub(super) holder: String,
    pub(super) folder: Option<std::path::PathBuf>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Tools {
    /// Made once in a session.
    pub fn new(gear: Gear) -> Self {
        let Gear {
            transport,
            kube,
            kube_write,
            names,
            salt,
            slots,
            keeper,
            copies,
            token,
            identity,
            holder,
            folder,
            clock,
        } = gear;
        let read = BaoRead::new(Arc::clone(&transport));
        let write = BaoWrite::new(transport);
        Self {
            read,
            write,
            kube,
            kube_write,
            names,
            salt,
            slots,
            keeper,
            copies,
            token,
            identity,
            holder,
            folder,
            clock,
        }
    }

    /// Begins a try at opening the keystore.
    pub fn attempt(&self) -> Attempt {
        self.keeper.attempt()
    }

    /// Closes the keystore and wipes what opened it.
    pub fn lock_keystore(&self) {
        self.keeper.lock();
    }
}
