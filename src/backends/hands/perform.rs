//! From an operation to the one file that performs it, and to the one that looks what became of it.

use super::tools::Tools;
use super::{copy, custody, prove, register, secret, unseal};
use crate::app::model::proof::Proof;
use crate::app::runbook::op::{Op, Outcome};
use crate::app::runbook::run::Finding;
use crate::app::trouble::Trouble;

/// What came of it when nothing failed. Only what was really sent and taken may ever count as evidence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Done(String),
    Proven(String, Box<Proof>),
    Unneeded(String),
}

/// Performs one operation of a confirmed plan.
pub async fn perform(op: &Op, tools: &Tools) -> Outcome {
    let done = match op {
        Op::SubmitShare { replica, share } => unseal::submit(replica, share, tools).await,
        Op::ResetUnseal { replica } => unseal::reset(replica, tools).await,
        Op::ProveKeys { .. } => prove::prove(op, tools).await,
        Op::ApplySecret { .. } => secret::apply(op, tools).await,
        Op::SaveKeys { .. } => secret::save(op, tools).await,
        Op::WriteCopy { copy, revision } => copy::write(copy, *revision, tools).await,
        Op::RestoreCustody { .. } => custody::restore(op, tools).await,
        Op::PublishRegister { object } => register::publish(object, tools).await,
    };
    match done {
        Ok(Said::Done(evidence)) => Outcome::Done { evidence },
        Ok(Said::Proven(evidence, proof)) => Outcome::Proven { evidence, proof: *proof },
        Ok(Said::Unneeded(why)) => Outcome::Unneeded { why },
        Err(trouble) => Outcome::Failed { trouble },
    }
}

/// Looks at what became of an operation that a dead session began. Changes nothing, with one exception that every plan of
/// it announces: a rotation that this program itself left open is cancelled.
pub async fn probe(op: &Op, tools: &Tools) -> Result<Finding, Trouble> {
    match op {
        Op::SubmitShare { replica, .. } | Op::ResetUnseal { replica } => unseal::probe(replica, tools).await,
        Op::ProveKeys { .. } => prove::probe(op, tools).await,
        Op::ApplySecret { .. } => secret::probe_apply(op, tools).await,
        Op::SaveKeys { .. } => secret::probe_save(op, tools).await,
        Op::WriteCopy { copy, .. } => copy::probe(copy, tools).await,
        Op::RestoreCustody { .. } => custody::probe(op, tools).await,
        Op::PublishRegister { object } => register::probe(object, tools).await,
    }
}
