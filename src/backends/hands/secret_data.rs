//! A Secret's values, read at the moment of use and wiped right after it.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use zeroize::Zeroize as _;

use super::tools::Tools;
use super::unseal::joined;
use crate::app::id::ObjectRef;
use crate::app::trouble::{Trouble, TroubleKind};

/// A Secret's values; wiped when they are not needed any more.
pub(super) struct Data(pub BTreeMap<String, ByteString>);

impl Drop for Data {
    fn drop(&mut self) {
        for value in self.0.values_mut() {
            value.0.zeroize();
        }
    }
}

/// Reads them. A Secret that is gone stops whatever was to be done with its keys.
pub(super) async fn read(object: &ObjectRef, tools: &Tools) -> Result<Data, Trouble> {
    let Some(kube) = &tools.kube else {
        return Err(Trouble::local(
            "there is no cluster to read the keys from",
            "this vault is known by its addresses only; nothing was sent",
            "Type the shares instead",
        ));
    };
    let secret = kube.secret(&object.namespace, &object.name).await.map_err(|trouble| {
        let why = joined(&[&trouble.why, "nothing was sent"]);
        Trouble { why, ..trouble }
    })?;
    let Some(secret) = secret else {
        return Err(Trouble::new(
            TroubleKind::Absent,
            &format!("{object} is gone since the plan was made"),
            "nothing was sent",
            "Type the shares, or bring the Secret back and ask for the plan anew",
        ));
    };
    Ok(Data(secret.data.unwrap_or_default()))
}
