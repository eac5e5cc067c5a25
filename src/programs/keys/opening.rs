//! What the commands about copies and custody begin with: the session, the open keystore, the table.

use jiff::Timestamp;

use super::ask;
use crate::app::config::cli::Cli;
use crate::app::config::env::Env;
use crate::app::text::clean;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::keystore::format;
use crate::programs::session::{Aim, Session};

/// The vault that is meant.
pub async fn session(cli: &Cli, env: &Env) -> Result<(Session, Aim), Trouble> {
    let aim = Aim::make(&cli.global, env)?;
    let session = aim.connect().await.map_err(|failed| failed.trouble)?;
    Ok((session, aim))
}

/// Opens the keystore: silently where it can be done, else with what is typed.
pub fn open(session: &Session) -> Result<(), Trouble> {
    let keeper = &session.held().keeper;
    let Some(bytes) = keeper.bytes()? else {
        return Err(Trouble::new(
            TroubleKind::Absent,
            &format!("there is no keystore at {}", keeper.path().display()),
            "",
            "Make one with `baowatch keys init`, or bring a copy of it back",
        ));
    };
    format::parts(&bytes).map_err(|error| error.trouble(keeper.path()))?;
    ask::unlock(keeper, false)
}

/// To the second, UTC.
pub fn when(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Columns as wide as their widest cell; the last one is not padded.
pub fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut all = vec![head.map(str::to_owned)];
    all.extend(rows.map(|row| row.map(|cell| clean(&cell))));
    let wide = |column: usize| all.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..N).filter_map(wide).collect();
    let mut out = String::new();
    for row in &all {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}
