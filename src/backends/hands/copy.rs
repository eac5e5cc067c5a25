//! The keystore written to one of its copies.

use super::perform::Said;
use super::tools::Tools;
use crate::app::runbook::run::Finding;
use crate::app::trouble::Trouble;
use crate::backends::copies::Written;

pub(super) async fn write(copy: &str, revision: u64, tools: &Tools) -> Result<Said, Trouble> {
    match tools.copies.write(copy, revision).await? {
        Written::Done(evidence) => Ok(Said::Done(evidence)),
        Written::Same => Ok(Said::Unneeded("it is byte for byte the keystore already".to_owned())),
    }
}

pub(super) async fn probe(copy: &str, tools: &Tools) -> Result<Finding, Trouble> {
    Ok(Finding { says: tools.copies.probe(copy).await? })
}
