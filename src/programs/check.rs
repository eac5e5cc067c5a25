//! `check` and `--print`: one look at everything, by a program that cannot change anything.

use jiff::SignedDuration;
use tokio::sync::mpsc::unbounded_channel;

use super::config::{Answer, rule_names};
use super::session::{Aim, Session, looked};
use crate::app::config::cli::{Check, Cli, Output, Size};
use crate::app::config::env::Env;
use crate::app::program::Watcher;
use crate::app::report::check::{CheckDocument, document, sightless};
use crate::app::report::exit::Asked;
use crate::app::report::remembered::{Remembered, judge_once};
use crate::app::report::text::{Paint, text};
use crate::app::runtime::clock::{self, WallClock};
use crate::app::runtime::desk::{Desk, Input, NoEars, NoScreen};
use crate::app::runtime::signals;
use crate::app::state::State;
use crate::app::trouble::Trouble;
use crate::app::verdict::judge;
use crate::backends::files::check_state;
use crate::views::console::print;
use crate::views::theme::Look;

/// How long to wait for the feeds unless somebody says otherwise.
const WAIT: SignedDuration = SignedDuration::from_secs(10);

/// Runs `check`.
pub async fn run(cli: &Cli, check: &Check, env: &Env, paint: Paint) -> Answer {
    let aim = match Aim::make(&cli.global, env) {
        Ok(aim) => aim,
        Err(trouble) => return blind(&trouble, check.output, paint),
    };
    let asked = match Asked::new(&check.rules, &check.exclude, aim.bound.people_declared, &rule_names()) {
        Ok(asked) => asked,
        Err(trouble) => return Answer::failed(&trouble, 64),
    };
    let remembered = match check.state.as_deref().map(check_state::load).transpose() {
        Ok(remembered) => remembered,
        Err(trouble) => return blind(&trouble, check.output, paint),
    };
    let mut state = match Box::pin(look(&aim, check.wait.unwrap_or(WAIT), remembered.as_ref())).await {
        Ok(state) => state,
        Err(trouble) => return blind(&trouble, check.output, paint),
    };
    if let (Some(remembered), Some(cluster)) = (&remembered, &state.model.cluster)
        && let Err(trouble) = remembered.belongs_to(&cluster.identity)
    {
        return blind(&trouble, check.output, paint);
    }
    recount(&mut state, remembered.as_ref());
    let mut answer = told(&document(&state, &asked), check.output, paint);
    if let (Some(path), Some(before)) = (&check.state, &remembered)
        && let Err(trouble) = check_state::save(path, &before.next(&state))
    {
        answer.err = format!("warning: {trouble}\n");
    }
    answer
}

/// Judges durations as one look must: from what an earlier run wrote down, or else from the evidence's own time, and
/// where it has none, as passed.
fn recount(state: &mut State, remembered: Option<&Remembered>) {
    let now = state.now;
    let Some(ours) = state.model.no_active_since else {
        if remembered.is_none() {
            judge_once(state);
        }
        state.verdict = judge(&state.model, now, state.sighted);
        return;
    };
    let theirs =
        remembered.map(|memory| memory.alerts.iter().find(|held| held.rule == NO_ACTIVE).map(|held| held.since));
    state.model.no_active_undated = theirs.is_none();
    state.model.no_active_since = match theirs {
        Some(Some(since)) => Some(ours.min(since)),
        Some(None) => Some(ours),
        None => Some(state.began - SignedDuration::from_mins(1)),
    };
    if remembered.is_none() {
        judge_once(state);
    } else {
        state.alerts.hurry();
        state.alerts.review(&state.model, &state.settings, now);
    }
    state.verdict = judge(&state.model, now, state.sighted);
}

/// The rule whose age the verdict needs too.
const NO_ACTIVE: &str = "vault-no-active";

fn told(said: &CheckDocument, output: Output, paint: Paint) -> Answer {
    let out = match output {
        Output::Json => serde_json::to_string_pretty(said).map(|text| text + "\n").unwrap_or_default(),
        Output::Text => text(said, paint),
    };
    Answer { out, err: String::new(), code: said.exit }
}

/// Nothing could be seen at all: that is UNKNOWN, and it says why on both channels.
fn blind(trouble: &Trouble, output: Output, paint: Paint) -> Answer {
    let said = sightless(trouble, clock::now());
    let mut answer = told(&said, output, paint);
    answer.err = format!("error: {trouble}\n");
    answer.code = 3;
    answer
}

/// Runs `--print`.
pub async fn screen(cli: &Cli, size: Size, look_like: &Look, env: &Env) -> Answer {
    let state = match Aim::make(&cli.global, env) {
        Ok(aim) => Box::pin(look(&aim, cli.wait.unwrap_or(WAIT), None)).await,
        Err(trouble) => Err(trouble),
    };
    match state {
        Ok(state) => Answer::done(print(&state, look_like, size.width, size.height)),
        Err(trouble) => Answer::failed(&trouble, 1),
    }
}

/// One whole look: until every feed has answered, or for as long as somebody is willing to wait.
async fn look(aim: &Aim, wait: SignedDuration, before: Option<&Remembered>) -> Result<State, Trouble> {
    let wait = wait.unsigned_abs();
    let began = clock::instant();
    let session = tokio::time::timeout(wait, aim.connect()).await.map_err(|_| {
        Trouble::unreachable(
            "The cluster did not answer in time",
            &format!("nothing came back within {}s", wait.as_secs()),
            "Check the network and the context, or wait longer with --wait",
        )
    })?;
    let session = session.map_err(|failed| failed.trouble)?;
    let left = wait.saturating_sub(began.elapsed()).max(std::time::Duration::from_secs(1));
    let mut state = State::new(aim.bound.settings.clone(), clock::now());
    if let Some(before) = before {
        before.take_up(&mut state);
    }
    Ok(watch(session, state, left, true).await)
}

/// Looks until every feed has answered. Without `signals` an interrupt ends the process at once, as it does for a
/// command that asks questions afterwards.
pub(super) async fn watch(session: Session, state: State, wait: std::time::Duration, signals: bool) -> State {
    let (send, mut inbox) = unbounded_channel::<Input<std::convert::Infallible>>();
    for msg in session.greeting() {
        let _ = send.send(Input::Msg(msg));
    }
    let feeds = session.watch(&send);
    let mut hands = session.watcher_hands(feeds, &send);
    if signals {
        session.accompany(signals::listen(send.clone()));
    }
    let mut program = Watcher(state);
    let mut desk = Desk {
        clock: &WallClock,
        hands: &mut hands,
        surface: &mut NoScreen,
        ears: &mut NoEars,
        record: &mut |_| {},
        seq: 0,
    };
    // Past the time what is there is told; what is missing is told as missing.
    let _ = tokio::time::timeout(wait, desk.run(&mut program, &mut inbox, &|watcher| looked(&watcher.0))).await;
    drop(hands);
    session.close().await;
    program.0
}
