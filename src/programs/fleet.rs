//! From one cluster of the config file to another: where the console goes next, and what it remembers of where it was.

use super::session::Aim;
use crate::app::config::cli::Global;
use crate::app::config::env::Env;
use crate::app::settings::{LastSeen, Settings};
use crate::app::state::State;
use crate::app::trouble::Trouble;
use crate::app::verdict::Standing;
use crate::backends::files::verdicts;

/// The aim at another cluster of the same config file: what was typed about the first does not hold for it.
///
/// # Errors
/// When the config file or the kubeconfig cannot be used for it.
pub fn toward(global: &Global, name: &str, env: &Env) -> Result<Aim, Trouble> {
    let there = Global {
        cluster: Some(name.to_owned()),
        context: None,
        namespace: None,
        vault: None,
        address: None,
        ..global.clone()
    };
    Aim::make(&there, env)
}

/// What the core is told of the clusters: which one this is, and how the others stood.
pub fn settings(aim: &Aim) -> Settings {
    let mut settings = aim.bound.settings.clone();
    if settings.fleet.is_empty() {
        return settings;
    }
    let kept = verdicts::read(aim.dirs.state_root()).unwrap_or_else(|trouble| {
        tracing::warn!(%trouble, "how other clusters stood is not known");
        std::collections::BTreeMap::new()
    });
    for cluster in &mut settings.fleet {
        cluster.here = aim.bound.entry.as_ref() == Some(&cluster.name);
        cluster.last = kept.get(&cluster.name).cloned();
    }
    settings
}

/// Keeps how the cluster stood when its session ended, if it was seen at all.
pub fn remember(aim: &Aim, state: &State) {
    let Some(name) = &aim.bound.entry else { return };
    let (Some(_), Some((_, at))) = (&state.model.cluster, state.sighted) else { return };
    if state.verdict.state == Standing::Blind {
        return;
    }
    let seen = LastSeen { state: state.verdict.state, sentence: state.verdict.sentence.clone(), at };
    if let Err(trouble) = verdicts::keep(aim.dirs.state_root(), name, seen) {
        tracing::warn!(%trouble, "how this cluster stood is not kept");
    }
}
