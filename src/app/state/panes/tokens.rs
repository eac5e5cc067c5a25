//! Tokens, worst first.

use super::Row;
use crate::app::model::tokens::{TokenAnswer, TokenOrigin, TokenSeen};
use crate::app::state::State;
use crate::app::tokens::{self, Grade};

pub(super) fn rows(state: &State) -> Vec<Row> {
    let all = state.model.tokens.iter().flat_map(|seen| &seen.value);
    let mut rows: Vec<(u8, Row)> = all.map(|token| (place(&token.origin), row(state, token))).collect();
    rows.sort_by(|(a, one), (b, other)| (other.badness, a, &one.key).cmp(&(one.badness, b, &other.key)));
    rows.into_iter().map(|(_, row)| row).collect()
}

/// The token of a row.
pub fn find<'a>(state: &'a State, name: &str) -> Option<&'a TokenSeen> {
    state.model.tokens.as_ref()?.value.iter().find(|token| token.origin.name() == name)
}

/// Our own first, the one in the Secret last, where both stand alike.
const fn place(origin: &TokenOrigin) -> u8 {
    match origin {
        TokenOrigin::Own => 0,
        TokenOrigin::File(_) => 1,
        TokenOrigin::KeysSecret => 2,
    }
}

fn row(state: &State, token: &TokenSeen) -> Row {
    let (grade, why) = tokens::standing(&state.model, token, state.now);
    let badness = match grade {
        Grade::Well | Grade::Noted => 0,
        Grade::Unknown => 1,
        Grade::Warning => 2,
        Grade::Bad => 3,
    };
    let mut words = vec![why];
    words.extend(token.file.iter().map(|file| file.path.clone()));
    let mut figures = Vec::new();
    if let TokenAnswer::Says(says) = &token.answer {
        words.extend([says.display_name.clone(), says.sort().to_owned(), says.policies.join(" ")]);
        let left = tokens::left(token, says, state.now);
        // What ends first comes first.
        figures.push(("left", left.map_or(i64::MIN, |left| -left.as_secs())));
    }
    let words = words.join(" ").to_lowercase();
    Row { words, badness, figures, ..Row::new(token.origin.name(), token.origin.subject()) }
}
