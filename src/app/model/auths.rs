//! How an object of VSO logs in: its VaultAuth with what a VaultAuthGlobal adds, and what the operator takes where nothing is
//! named. The same merging as `common.MergeInVaultAuthGlobal` of VSO 1.4 does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Model;
use super::paths::VaultPath;
use super::sync::{LoginSaid, Operator, OperatorSeen, SyncKind, SyncSeen};
use crate::app::id::{FeedId, ObjectRef};

/// What VSO takes in its own namespace where an object names none.
const DEFAULT: &str = "default";

/// What a VaultAuth says of a login, or what a VaultAuthGlobal says for those that name it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthSpec {
    /// `method`, or `defaultAuthMethod`.
    pub method: String,
    /// `mount`, or `defaultMount`.
    pub mount: String,
    /// `namespace`, or `defaultVaultNamespace`, without slashes at its ends.
    pub namespace: String,
    /// `vaultConnectionRef` as it is written: a name alone is one in the namespace of the VaultAuth, also in a VaultAuthGlobal.
    pub connection: String,
    /// What is said of each method.
    pub methods: BTreeMap<String, MethodSpec>,
    /// `allowedNamespaces`.
    pub allowed: Vec<String>,
    /// `vaultAuthGlobalRef`.
    pub global: Option<GlobalRef>,
}

/// One method of a VaultAuth or a VaultAuthGlobal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MethodSpec {
    /// The role; `appRole` has none.
    pub role: String,
    /// `serviceAccount`: one of the namespace of the object that logs in; `kubernetes` and `jwt` alone have one.
    pub account: String,
    /// VaultAuthGlobal: its own mount.
    pub mount: String,
    /// VaultAuthGlobal: its own namespace in the vault.
    pub namespace: String,
}

/// `vaultAuthGlobalRef`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GlobalRef {
    /// Its name; may be empty.
    pub name: String,
    /// Its namespace; that of the VaultAuth where it is empty.
    pub namespace: String,
    /// `allowDefault`: without a name, the one that is called `default` counts.
    pub default: bool,
}

/// A login as the operator makes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merged {
    /// The auth method's mount.
    pub mount: String,
    /// The role.
    pub role: String,
    /// The ServiceAccount, of the namespace of whoever logs in.
    pub account: String,
    /// The namespace in the vault.
    pub namespace: String,
    /// The VaultConnection; `None` where it is the operator's own and nobody knows where that runs.
    pub connection: Option<ObjectRef>,
    /// The VaultAuthGlobal that was merged in.
    pub global: Option<ObjectRef>,
    /// Why it is not known whole, or cannot be merged.
    pub gap: Option<Gap>,
}

impl Merged {
    /// The same as what a store says of its login: the ServiceAccount is one of whoever goes through it.
    pub fn said(&self) -> LoginSaid {
        LoginSaid {
            mount: self.mount.clone(),
            role: self.role.clone(),
            account: (!self.account.is_empty()).then(|| (String::new(), self.account.clone())),
        }
    }
}

/// What stands between an object and its login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gap {
    /// It takes what lies in the operator's namespace, which is not known.
    Home,
    /// None of these is in sight: whether they exist, another can tell.
    Unseen(Vec<ObjectRef>),
    /// It does not let that namespace use it.
    Refuses(ObjectRef, String),
    /// The operator cannot merge it, and why.
    Invalid(String),
}

/// `name` or `namespace/name`, beside an object of this namespace; without a name, `default` in the operator's own.
pub fn named(text: &str, kind: &str, beside: &str, home: Option<&str>) -> Option<ObjectRef> {
    match text.split_once('/') {
        _ if text.is_empty() => home.map(|home| ObjectRef::new(kind, home, DEFAULT)),
        Some((namespace, name)) => Some(ObjectRef::new(kind, namespace, name)),
        None => Some(ObjectRef::new(kind, beside, text)),
    }
}

/// Whether an object of this namespace may use it: its own may always, all may use the operator's own default.
fn allows(object: &ObjectRef, spec: &AuthSpec, namespace: &str, home: Option<&str>) -> bool {
    let operators_own = object.name == DEFAULT && home.is_none_or(|home| home == object.namespace);
    object.namespace == namespace
        || operators_own
        || matches!(spec.allowed.as_slice(), [all] if all == "*")
        || spec.allowed.iter().any(|allowed| allowed == namespace)
}

/// The VaultAuthGlobals that a VaultAuth may mean, the first that exists counts; or why it means none.
pub fn globals(auth: &ObjectRef, named: &GlobalRef, home: Option<&str>) -> Result<Vec<ObjectRef>, Gap> {
    let of = |namespace: &str, name: &str| ObjectRef::new(SyncKind::VaultAuthGlobal.name(), namespace, name);
    let beside = if named.namespace.is_empty() { auth.namespace.as_str() } else { named.namespace.as_str() };
    if !named.name.is_empty() {
        return Ok(vec![of(beside, &named.name)]);
    }
    if !named.default {
        return Err(Gap::Invalid(format!("{auth} names no VaultAuthGlobal, and allowDefault is off")));
    }
    let own = home.filter(|home| named.namespace.is_empty() && *home != beside).map(|home| of(home, DEFAULT));
    Ok(std::iter::once(of(beside, DEFAULT)).chain(own).collect())
}

/// The login of a VaultAuth; `find` finds what a VaultAuthGlobal says.
pub fn merged<'a>(
    auth: &ObjectRef,
    spec: &AuthSpec,
    home: Option<&str>,
    find: impl Fn(&ObjectRef) -> Option<&'a AuthSpec>,
) -> Merged {
    // What VSO does before it merges.
    let own_default = home == Some(auth.namespace.as_str()) && auth.name == DEFAULT && spec.connection.is_empty();
    let mut connection = if own_default { DEFAULT.to_owned() } else { spec.connection.clone() };
    let role = |method: &str| spec.methods.get(method).map(|own| own.role.clone()).unwrap_or_default();
    let account = |method: &str| spec.methods.get(method).map(|own| own.account.clone()).unwrap_or_default();
    let mut login = Merged {
        mount: spec.mount.clone(),
        role: role(&spec.method),
        account: account(&spec.method),
        namespace: spec.namespace.clone(),
        ..Merged::default()
    };
    if let Some(named) = &spec.global {
        match global(auth, named, home, find) {
            Err(gap) => login.gap = Some(gap),
            Ok((object, global)) => {
                let first = |texts: [&str; 3]| texts.into_iter().find(|text| !text.is_empty()).unwrap_or("").to_owned();
                let method = first([&spec.method, &global.method, ""]);
                let nothing = MethodSpec::default();
                let of_method = global.methods.get(&method);
                if method.is_empty() {
                    login.gap =
                        Some(Gap::Invalid(format!("neither {auth} nor {object} says by which method to log in")));
                } else if of_method.is_none() && !spec.methods.contains_key(&method) {
                    login.gap =
                        Some(Gap::Invalid(format!("neither {auth} nor {object} says how to log in by {method}")));
                }
                let of_method = of_method.unwrap_or(&nothing);
                login.role = first([&role(&method), &of_method.role, ""]);
                login.account = first([&account(&method), &of_method.account, ""]);
                login.mount = first([&spec.mount, &of_method.mount, &global.mount]);
                login.namespace = first([&spec.namespace, &of_method.namespace, &global.namespace]);
                connection = first([&connection, &global.connection, ""]);
                if login.mount.is_empty() && login.gap.is_none() {
                    login.gap = Some(Gap::Invalid(format!("neither {auth} nor {object} names a mount")));
                }
                login.global = Some(object);
            }
        }
    }
    login.connection = named(&connection, SyncKind::VaultConnection.name(), &auth.namespace, home);
    login
}

fn global<'a>(
    auth: &ObjectRef,
    named: &GlobalRef,
    home: Option<&str>,
    find: impl Fn(&ObjectRef) -> Option<&'a AuthSpec>,
) -> Result<(ObjectRef, &'a AuthSpec), Gap> {
    let candidates = globals(auth, named, home)?;
    let found = candidates.iter().find_map(|object| Some((object.clone(), find(object)?)));
    let Some((object, spec)) = found else {
        // The last place to look would be the operator's namespace.
        let elsewhere = named.name.is_empty() && named.namespace.is_empty() && home.is_none();
        return Err(if elsewhere { Gap::Home } else { Gap::Unseen(candidates) });
    };
    if allows(&object, spec, &auth.namespace, home) {
        Ok((object, spec))
    } else {
        Err(Gap::Refuses(object, auth.namespace.to_string()))
    }
}

/// The VaultAuth that an object of VSO logs in with.
pub fn auth_of(seen: &SyncSeen, home: Option<&str>) -> Option<ObjectRef> {
    match seen.kind {
        SyncKind::VaultStaticSecret | SyncKind::VaultDynamicSecret | SyncKind::VaultPKISecret => {
            let own = || named("", SyncKind::VaultAuth.name(), "", home);
            seen.detail.through.clone().or_else(own)
        }
        SyncKind::VaultAuth
        | SyncKind::VaultConnection
        | SyncKind::VaultAuthGlobal
        | SyncKind::ExternalSecret
        | SyncKind::PushSecret
        | SyncKind::SecretStore
        | SyncKind::ClusterSecretStore
        | SyncKind::Generator => None,
    }
}

/// The namespace in which the Vault Secrets Operator runs, where it was seen to run in one: what an object does not name
/// lies there.
pub fn vso_home(found: &[OperatorSeen]) -> Option<&str> {
    let mut homes = found.iter().filter(|found| found.operator == Operator::Vso).map(|found| &found.object.namespace);
    let first = homes.next()?;
    homes.all(|other| other == first).then_some(first.as_str())
}

impl Model {
    /// The namespace in which the Vault Secrets Operator runs.
    pub fn vso_home(&self) -> Option<&str> {
        vso_home(&self.operators.as_ref()?.value.found)
    }

    /// A sync object that may be read now.
    pub fn sync_object(&self, object: &ObjectRef) -> Option<&SyncSeen> {
        let known = self.sync.as_ref()?.get(object)?;
        self.withholds(FeedId::Sync, &object.kind, &object.namespace).is_none().then_some(known)
    }

    fn auth_spec(&self, object: &ObjectRef) -> Option<&AuthSpec> {
        self.sync_object(object)?.detail.auth.as_deref()
    }

    /// The login of a VaultAuth, as the operator makes it.
    pub fn login(&self, auth: &ObjectRef) -> Option<Merged> {
        Some(merged(auth, self.auth_spec(auth)?, self.vso_home(), |object| self.auth_spec(object)))
    }

    /// What an object goes through next: its VaultAuth or store, the VaultConnection of a VaultAuth.
    pub fn way(&self, seen: &SyncSeen) -> Option<ObjectRef> {
        match (seen.kind, &seen.detail.auth) {
            (SyncKind::VaultAuth, Some(spec)) => {
                merged(&seen.object, spec, self.vso_home(), |object| self.auth_spec(object)).connection
            }
            _ => seen.detail.through.clone().or_else(|| auth_of(seen, self.vso_home())),
        }
    }

    /// Where an object reads (or writes) in the vault, with what its ways there add.
    pub fn places(&self, seen: &SyncSeen) -> Vec<VaultPath> {
        seen.places(self.vso_home(), |object| self.sync_object(object))
    }

    /// Why the login of an object of VSO is not known whole, or cannot be made; `None` where it can be, and for all others.
    pub fn gap(&self, seen: &SyncSeen) -> Option<Gap> {
        if seen.kind.operator() == Operator::Eso {
            return None;
        }
        let home = self.vso_home();
        let (auth, spec) = match seen.detail.auth.as_deref() {
            Some(spec) if seen.kind == SyncKind::VaultAuth => (seen.object.clone(), spec),
            Some(_) => return None,
            None if matches!(seen.kind, SyncKind::VaultConnection | SyncKind::VaultAuth) => return None,
            None => {
                let Some(auth) = auth_of(seen, home) else { return Some(Gap::Home) };
                let Some(spec) = self.auth_spec(&auth) else { return Some(Gap::Unseen(vec![auth])) };
                if !allows(&auth, spec, &seen.object.namespace, home) {
                    return Some(Gap::Refuses(auth, seen.object.namespace.to_string()));
                }
                (auth, spec)
            }
        };
        merged(&auth, spec, home, |object| self.auth_spec(object)).gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn methods(of: &[(&str, &str, &str, &str)]) -> BTreeMap<String, MethodSpec> {
        let one = |(method, role, mount, namespace): &(&str, &str, &str, &str)| {
            let account = if role.is_empty() { String::new() } else { format!("{role}-account") };
            let spec =
                MethodSpec { role: (*role).into(), account, mount: (*mount).into(), namespace: (*namespace).into() };
            ((*method).to_owned(), spec)
        };
        of.iter().map(one).collect()
    }

    /// The order of `common.MergeInVaultAuthGlobal`, VSO 1.4.1, `common/common.go`: own, then of the method, then for all.
    #[test]
    fn a_login_is_merged_as_the_operator_merges_it() {
        let auth = ObjectRef::new("VaultAuth", "shop", "web");
        let global = ObjectRef::new("VaultAuthGlobal", "vso", "all");
        let of_all = AuthSpec {
            method: "kubernetes".into(),
            mount: "all".into(),
            namespace: "everybody".into(),
            connection: "openbao".into(),
            methods: methods(&[("kubernetes", "reader", "k8s", "team"), ("jwt", "", "", "")]),
            allowed: vec!["shop".into()],
            global: None,
        };
        let named = Some(GlobalRef { name: "all".into(), namespace: "vso".into(), default: false });
        let own = |spec: AuthSpec| AuthSpec { global: named.clone(), ..spec };
        let rows = [
            // (what it says itself, mount, role, namespace, connection)
            (AuthSpec::default(), "k8s", "reader", "team", "shop/openbao"),
            (AuthSpec { mount: "mine".into(), ..AuthSpec::default() }, "mine", "reader", "team", "shop/openbao"),
            (AuthSpec { namespace: "crew".into(), ..AuthSpec::default() }, "k8s", "reader", "crew", "shop/openbao"),
            (AuthSpec { method: "jwt".into(), ..AuthSpec::default() }, "all", "", "everybody", "shop/openbao"),
            (
                AuthSpec { methods: methods(&[("kubernetes", "writer", "", "")]), ..AuthSpec::default() },
                "k8s",
                "writer",
                "team",
                "shop/openbao",
            ),
            (AuthSpec { connection: "vso/far".into(), ..AuthSpec::default() }, "k8s", "reader", "team", "vso/far"),
        ];
        for (spec, mount, role, namespace, connection) in rows {
            let login = merged(&auth, &own(spec.clone()), Some("vso"), |asked| (*asked == global).then_some(&of_all));
            assert_eq!(
                (login.mount.as_str(), login.role.as_str(), login.namespace.as_str()),
                (mount, role, namespace),
                "{spec:?}"
            );
            let account = if role.is_empty() { String::new() } else { format!("{role}-account") };
            assert_eq!(login.account, account, "{spec:?}");
            assert_eq!(login.connection.map(|to| to.path()), Some(connection.to_owned()), "{spec:?}");
            assert_eq!((login.global, login.gap), (Some(global.clone()), None), "{spec:?}");
        }
    }

    #[test]
    fn what_cannot_be_merged_is_named() {
        let (auth, home) = (ObjectRef::new("VaultAuth", "shop", "web"), Some("vso"));
        let login = |named: GlobalRef, there: &[(&str, AuthSpec)], home: Option<&str>| {
            let spec = AuthSpec { global: Some(named), ..AuthSpec::default() };
            let there: Vec<(&str, &AuthSpec)> = there.iter().map(|(path, spec)| (*path, spec)).collect();
            merged(&auth, &spec, home, |asked| {
                there.iter().find(|(path, _)| asked.path() == *path).map(|(_, spec)| *spec)
            })
        };
        let whole = AuthSpec {
            method: "jwt".into(),
            mount: "jwt".into(),
            methods: methods(&[("jwt", "web", "", "")]),
            ..AuthSpec::default()
        };
        let of = |name: &str, namespace: &str, default: bool| GlobalRef {
            name: name.into(),
            namespace: namespace.into(),
            default,
        };
        let unseen = |paths: &[(&str, &str)]| {
            let of = |(namespace, name): &(&str, &str)| ObjectRef::new("VaultAuthGlobal", namespace, name);
            Some(Gap::Unseen(paths.iter().map(of).collect()))
        };
        // A name alone is one beside the VaultAuth.
        assert_eq!(login(of("all", "", false), &[("vso/all", whole.clone())], home).gap, unseen(&[("shop", "all")]));
        // One of another namespace must allow it; `default` of the operator's own namespace allows all.
        let refused = login(of("all", "vso", false), &[("vso/all", whole.clone())], home).gap;
        assert_eq!(refused, Some(Gap::Refuses(ObjectRef::new("VaultAuthGlobal", "vso", "all"), "shop".into())));
        let default = login(of("", "", true), &[("vso/default", whole.clone())], home);
        assert_eq!((default.gap, default.role.as_str()), (None, "web"));
        assert_eq!(login(of("", "", true), &[], home).gap, unseen(&[("shop", "default"), ("vso", "default")]));
        assert_eq!(login(of("", "", true), &[], None).gap, Some(Gap::Home));
        assert!(matches!(login(of("", "vso", false), &[], home).gap, Some(Gap::Invalid(_))));
        let bare = AuthSpec { allowed: vec!["*".into()], ..AuthSpec::default() };
        assert!(matches!(login(of("all", "vso", false), &[("vso/all", bare)], home).gap, Some(Gap::Invalid(_))));
    }

    #[test]
    fn nothing_named_is_the_default_beside_the_operator() {
        let connection = |auth: (&str, &str), text: &str, home: Option<&str>| {
            let auth = ObjectRef::new("VaultAuth", auth.0, auth.1);
            let spec = AuthSpec { connection: text.into(), ..AuthSpec::default() };
            merged(&auth, &spec, home, |_| None).connection.map(|to| to.path())
        };
        assert_eq!(connection(("shop", "web"), "", Some("vso")).as_deref(), Some("vso/default"));
        assert_eq!(connection(("shop", "web"), "", None), None);
        assert_eq!(connection(("shop", "web"), "ops/far", None).as_deref(), Some("ops/far"));
        assert_eq!(connection(("shop", "web"), "near", None).as_deref(), Some("shop/near"));
        assert_eq!(connection(("vso", "default"), "", Some("vso")).as_deref(), Some("vso/default"));
    }
}
