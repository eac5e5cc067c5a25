//! A namespace with a seal of its own is sealed: every request inside fails, while the vault's health says 200.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Firing, Rule, Severity};
use crate::app::estate::{estate, namespace_ref};
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::estate::NamespaceSeen;
use crate::app::raft::{InSight, part};

/// The rule.
pub struct NamespaceSealed;

impl Rule for NamespaceSealed {
    fn id(&self) -> RuleId {
        RuleId("namespace-sealed")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn hold(&self) -> SignedDuration {
        SignedDuration::from_secs(60)
    }

    fn fires_when(&self) -> &'static str {
        "an OpenBao namespace with a seal of its own is sealed"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/namespace-sealed.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        let unknown = |why| vec![(model.vault_ref(), Finding::Unknown(why))];
        match estate(model, now) {
            InSight::Absent => Vec::new(),
            InSight::Unseen(why) => unknown(why),
            InSight::Here(seen) => match part(&seen.namespaces) {
                InSight::Absent => Vec::new(),
                InSight::Unseen(why) => unknown(why),
                InSight::Here(all) => all.iter().map(|one| (namespace_ref(&one.path), judge(one))).collect(),
            },
        }
    }
}

fn judge(one: &NamespaceSeen) -> Finding {
    if let Some(trouble) = &one.unread {
        return Finding::Unknown(format!("{}: {}", trouble.what, trouble.next));
    }
    if one.sealed != Some(true) {
        return Finding::Clear;
    }
    let progress = match one.progress {
        Some((given, needed)) if needed > 0 => format!(", {given} of {needed} shares given"),
        Some(_) | None => String::new(),
    };
    Finding::Firing(Firing {
        severity: Severity::Warning,
        sentence: format!("Namespace {} is sealed{progress}", one.path),
        why: "every request inside fails; the vault's own health says nothing of it".to_owned(),
        next: format!("Open it with its own shares: bao namespace unseal {}", one.path),
        action: None,
        evidence_since: None,
    })
}
