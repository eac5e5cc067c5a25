//! One captured row held against what the real program shows of it, and the rows that no server can be brought to tell.

use std::collections::BTreeMap;
use std::sync::Arc;

use baowatch::app::sync::Word;
use jiff::Timestamp;

use crate::captured::Row;
use crate::stage::{Scene, Shown, ageless, lags, short};

/// A row that is looked for.
pub struct Looked {
    pub scene: Arc<Scene>,
    pub row: &'static Row,
    pub lies: Vec<String>,
}

impl Looked {
    /// What differs from the truth on this screen, so many seconds after the moment.
    pub fn of(&self, seen: &BTreeMap<String, Shown>, moment: Timestamp, drift: i64) -> Vec<String> {
        let (kind, name) = self.row.object.split_once('/').unwrap();
        let Some(found) = seen.get(&format!("{}/{name} {}", self.scene.namespace, short(kind))) else {
            return vec!["is not on the screen".into()];
        };
        if found.word != self.row.word.name() {
            return vec![format!("{}, and it is {}: {}", found.word, self.row.word.name(), found.why)];
        }
        // A row of that list whose lag is told stands there wrongly.
        if lags(&found.lag, self.row, drift) == untimed(self.row) {
            return vec![format!("lags `{}`, and it is {:?} of {:?}", found.lag, self.row.lag, self.row.of)];
        }
        let parts = self.row.says.iter().map(|part| self.scene.told(part, moment));
        let unsaid: Vec<String> = parts.filter(|part| !found.why.contains(part)).collect();
        match found.why.strip_suffix('…') {
            // What has no room is as the table test says, where what has is.
            Some(begins) if !unsaid.is_empty() => {
                let whole = ageless(&self.scene.reason(self.row, moment));
                let begins = ageless(begins);
                let begins = begins.rsplit_once(' ').map_or(begins.as_str(), |(begins, _)| begins);
                if whole.starts_with(begins) {
                    Vec::new()
                } else {
                    vec![format!("begins `{begins}`, and it is `{whole}`")]
                }
            }
            Some(_) | None => unsaid.into_iter().map(|part| format!("says not `{part}`: {}", found.why)).collect(),
        }
    }
}

pub fn id(row: &Row, scene: &Scene) -> String {
    format!("{} {} at {} ({})", row.file, row.object, row.at, scene.namespace)
}

/// Rows that no server can be brought to tell: it alone says when a static role was rotated and when a value was written,
/// and here that was minutes ago. With the word of the row: others tell of the same moment.
pub const UNTOLD: [(&str, &str, &str, Word); 12] = [
    // The value was written before the read, and the read was nine minutes ago.
    ("vso/17", "VaultStaticSecret/web-nohmac", "05:58:20", Word::Synced),
    // The time of the role's last rotation is compared with that in the status.
    ("vso/18", "VaultDynamicSecret/db-app", "05:58:20", Word::Behind),
    ("vso/19", "VaultDynamicSecret/db-app", "06:00:50", Word::Synced),
    ("vso/21", "VaultDynamicSecret/db-app", "06:07:30", Word::Synced),
    ("vso/21", "VaultDynamicSecret/db-batch", "06:07:30", Word::Synced),
    ("vso/29", "VaultDynamicSecret/db-batch", "05:49:40", Word::Synced),
    ("vso/29", "VaultDynamicSecret/db-app", "05:49:50", Word::Synced),
    ("vso/29", "VaultDynamicSecret/db-app", "05:59:50", Word::Behind),
    ("vso/29", "VaultDynamicSecret/db-app", "06:00:50", Word::Synced),
    ("vso/30", "VaultDynamicSecret/db-batch", "05:54:40", Word::Synced),
    ("vso/35", "VaultDynamicSecret/db-app", "06:24:20", Word::Synced),
    ("vso/36", "VaultDynamicSecret/db-app", "06:25:10", Word::Failed),
];

pub fn untold(row: &Row) -> bool {
    UNTOLD.contains(&(row.file, row.object, row.at, row.word))
}

/// Rows whose lag alone cannot be told.
const UNTIMED: [(&str, &str, &str); 5] = [
    // It is the age of the object: no server is told when something was created.
    ("vso/10", "VaultStaticSecret/auth-missing", "05:47:55"),
    ("vso/12", "VaultStaticSecret/overwrite-refused", "05:52:00"),
    ("vso/13", "VaultStaticSecret/create-false-missing", "05:55:00"),
    ("vso/31", "VaultDynamicSecret/db-wrong-role", "05:55:00"),
    // It is the time since the Secret was emptied: managed fields keep no time of what was taken out.
    ("vso/03", "VaultStaticSecret/web-nohmac", "05:51:40"),
];

fn untimed(row: &Row) -> bool {
    UNTIMED.contains(&(row.file, row.object, row.at))
}
