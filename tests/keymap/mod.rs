//! The keymap: no key is shown that does nothing, none does more than it says, and secrets pass it by.

use baowatch::app::id::PaneId;
use baowatch::app::intent::Intent;
use baowatch::app::msg::Pending;
use baowatch::app::ports::Fingers;
use baowatch::app::program::Console;
use baowatch::app::runbook::plan::Danger;
use baowatch::app::state::State;
use baowatch::app::state::layers::Layer;
use baowatch::views::keymap::{Context, Does, Keyboard, available, bindings, intent_for};
use baowatch::views::keys;

use crate::fixture;

fn press(state: &State, name: &str) -> Option<Intent> {
    intent_for(state, &keys::parse(name).unwrap())
}

#[test]
fn every_key_in_the_footer_does_something() {
    for (name, make) in crate::screens() {
        let state = make().state;
        for binding in available(&state) {
            let first = binding.keys[0];
            let first_taker = available(&state).find(|other| other.keys.contains(&first)).unwrap();
            assert!(std::ptr::eq(first_taker, binding), "{name}: {first} is bound twice");
            match binding.does {
                Does::Ask(_) => assert!(press(&state, first).is_some(), "{name}: {first} is dead"),
                Does::Slot => assert_eq!(press(&state, first), None, "{name}: {first}"),
            }
        }
    }
}

#[test]
fn every_name_in_the_table_is_a_key() {
    for (context, _) in Context::ALL {
        for binding in bindings(context) {
            for name in binding.keys {
                assert!(keys::parse(name).is_some(), "{name}");
            }
        }
    }
    let zoom = bindings(Context::Home).find(|binding| binding.says.contains("zoom")).unwrap();
    assert_eq!(zoom.written(), format!("1-{}", PaneId::ALL.len()), "a pane more or less");
}

#[test]
fn home_keys() {
    let state = fixture::sealed_standby().state;
    assert_eq!(press(&state, "1"), Some(Intent::Zoom(PaneId::Vault)));
    assert_eq!(press(&state, "9"), Some(Intent::Zoom(PaneId::Timeline)));
    assert_eq!(press(&state, "0"), None);
    assert_eq!(press(&state, "r"), Some(Intent::Suggested));
    assert_eq!(press(&state, "<C-c>"), Some(Intent::Quit));
    assert_eq!(press(&state, "<C-z>"), Some(Intent::Suspend));
    assert_eq!(press(&state, "/"), Some(Intent::Filter));
    assert_eq!(press(&state, ":"), Some(Intent::Palette));
    assert_eq!(press(&state, "s"), None, "replicas keep their order");
    assert_eq!(press(&state, "c"), None, "there is no other cluster");
    let mut looking = fixture::sealed_standby();
    looking.state.settings.read_only = true;
    assert_eq!(press(&looking.state, "a"), None);
    assert_eq!(Keyboard.press(&Console(fixture::healthy().state), "?"), Some(Intent::Help));
}

#[test]
fn an_empty_answer_confirms_nothing() {
    let mut night = fixture::plan();
    assert_eq!(press(&night.state, "<Enter>"), Some(Intent::Accept));
    assert_eq!(press(&night.state, "q"), Some(Intent::Type('q')));
    assert_eq!(press(&night.state, "<Space>"), Some(Intent::Type(' ')));
    night.ask(vec![Intent::EraseAll]);
    assert_eq!(press(&night.state, "<Enter>"), None);
    night.ask(vec![Intent::NextField]);
    assert_eq!(press(&night.state, "<Space>"), Some(Intent::Toggle));
    assert_eq!(press(&night.state, "q"), None);
}

#[test]
fn a_void_plan_can_only_be_made_anew() {
    let mut night = fixture::plan();
    night.jump(180);
    assert_eq!(press(&night.state, "<Enter>"), Some(Intent::Accept));
    night.ask(vec![Intent::Accept]);
    assert!(!matches!(night.state.top(), Some(Layer::Run { .. })));
}

#[test]
fn yes_takes_two_keys_and_no_takes_one() {
    let mut night = fixture::plan();
    night.ask(vec![Intent::EraseAll]);
    if let Some(Layer::Plan(dialog)) = night.state.layers.last_mut() {
        dialog.plan.danger = Danger::Yes;
    }
    assert_eq!(press(&night.state, "<Enter>"), None);
    assert_eq!(press(&night.state, "n"), Some(Intent::Back));
    assert_eq!(press(&night.state, "y"), Some(Intent::Type('y')));
    night.typed("y");
    assert_eq!(press(&night.state, "<Enter>"), Some(Intent::Accept));
}

#[test]
fn a_plan_longer_than_its_window_scrolls_to_its_end_and_no_further() {
    let mut night = fixture::kept::long_plan();
    let shows = |state: &State, text: &str| {
        let screen = baowatch::views::console::print(state, &baowatch::views::theme::Look::default(), 80, 24);
        assert!(screen.contains("Type  openbao-keys  to do it"), "the field for the answer is out of sight: {screen}");
        screen.contains(text)
    };
    let press = |night: &mut fixture::Night, name: &str| {
        let intent = press(&night.state, name).unwrap_or_else(|| panic!("{name} is dead"));
        night.ask(vec![intent]);
    };
    assert!(shows(&night.state, "1 write fields") && !shows(&night.state, "Write the root token"));
    for _ in 0..40 {
        press(&mut night, "<Down>");
    }
    assert!(!shows(&night.state, "1 write fields") && shows(&night.state, "Write the root token"));
    // It does not run on beyond its end: one line up is seen at once.
    press(&mut night, "<Up>");
    assert!(!shows(&night.state, "Write the root token"));
    press(&mut night, "<Home>");
    assert!(shows(&night.state, "1 write fields"));
    press(&mut night, "<PageDown>");
    assert!(!shows(&night.state, "1 write fields"));
    let short = fixture::plan().sized(120, 40);
    assert_eq!(baowatch::views::layers::scrolled(&short), None, "what fits does not scroll");
}

#[test]
fn leaving_while_something_runs_is_never_the_default() {
    let mut night = fixture::run();
    night.ask(vec![Intent::Quit]);
    assert_eq!(press(&night.state, "<Enter>"), Some(Intent::Back));
    assert_eq!(press(&night.state, "<Esc>"), Some(Intent::Back));
    assert_eq!(press(&night.state, "y"), Some(Intent::Accept));
}

#[test]
fn what_is_typed_into_a_secret_field_passes_the_keymap_by() {
    for pending in [Pending::Empty, Pending::Typing, Pending::Plausible] {
        let state = fixture::shares(1, pending).state;
        for c in (' '..='~').map(|c| if c == '<' { "<lt>".to_owned() } else { c.to_string() }) {
            assert_eq!(press(&state, &c), None, "{c}");
        }
        for name in ["<BS>", "<C-u>", "<Enter>", "<Tab>", "<Up>"] {
            assert_eq!(press(&state, name), None, "{name}");
        }
        assert_eq!(press(&state, "<Esc>"), Some(Intent::Back));
        assert_eq!(press(&state, "<C-c>"), Some(Intent::Quit));
    }
}

#[test]
fn going_to_another_cluster_ends_the_session_and_asks_while_something_runs() {
    let mut night = crate::clusters();
    assert_eq!(press(&night.state, "<Enter>"), Some(Intent::Accept));
    night.ask(vec![Intent::Accept]);
    assert!(night.state.ended);
    assert_eq!(night.state.next.as_deref(), Some("prod-ams"));
    let mut running = fixture::run();
    running.state.settings.fleet = crate::clusters().state.settings.fleet;
    running.ask(vec![Intent::Switch("prod-ams".into())]);
    assert!(matches!(running.state.top(), Some(Layer::Leave)) && !running.state.ended);
    // Staying forgets where somebody wanted to go: to quit later must not lead there.
    running.ask(vec![Intent::Back]);
    assert_eq!(running.state.next, None);
    running.ask(vec![Intent::Switch("prod-ams".into()), Intent::Accept]);
    assert!(running.state.ended && running.state.next.is_some());
}

#[test]
fn a_typed_command_goes_there_and_an_action_shows_its_plan() {
    let run = |text: &str| {
        let mut night = fixture::kept::wiped_kept();
        night.ask(vec![Intent::Palette]);
        night.ask(text.chars().map(Intent::Type).collect());
        assert_eq!(press(&night.state, "<Enter>"), Some(Intent::Accept));
        assert_eq!(press(&night.state, "q"), Some(Intent::Type('q')), "typing is text");
        night.ask(vec![Intent::Accept]);
        night.state
    };
    assert_eq!(run("timeline").zoom, Some(PaneId::Timeline));
    assert_eq!(run("2").zoom, Some(PaneId::Keys));
    assert!(matches!(run("alerts").top(), Some(Layer::Alerts { .. })));
    assert!(matches!(run("help").top(), Some(Layer::Help { .. })));
    assert!(run("q").ended);
    // The keystore is locked: on the way to the plan it is asked for, and nothing runs.
    let restore = run("restore-keys");
    assert!(matches!(restore.top(), Some(Layer::Unlock(_))) && restore.runs.is_empty(), "{:?}", restore.top());
    let found = run("bao-1");
    assert!(matches!(found.top(), Some(Layer::Details { subject, .. }) if subject.name == "openbao-1"));
    assert_eq!(found.zoom, Some(PaneId::Vault));
}

#[test]
fn a_silence_needs_a_reason() {
    let mut night = fixture::keys_wiped();
    night.ask(vec![Intent::Alerts, Intent::Silence]);
    assert_eq!(press(&night.state, "<Enter>"), None);
    night.ask(vec![Intent::Accept]);
    assert!(matches!(night.state.top(), Some(Layer::Silence(_))));
    night.ask("why not".chars().map(Intent::Type).collect());
    night.ask(vec![Intent::Accept]);
    let silenced = night.state.alerts.all().iter().find(|alert| alert.silenced_until.is_some()).unwrap();
    assert_eq!(night.state.alerts.silence_of(silenced).unwrap().reason, "why not");
}

#[test]
fn alerts_are_filtered_and_ordered_and_the_cursor_stays_on_what_is_listed() {
    let mut night = fixture::keys_wiped();
    night.ask(vec![Intent::Alerts]);
    let all = night.state.listed_alerts().len();
    assert!(all > 2);
    night.ask(vec![press(&night.state, "/").unwrap()]);
    assert_eq!(press(&night.state, "s"), Some(Intent::Type('s')), "typing is text");
    night.ask("single".chars().map(Intent::Type).collect());
    let listed: Vec<&str> = night.state.listed_alerts().iter().map(|alert| alert.rule.0).collect();
    assert_eq!(listed, ["keys-single-copy"]);
    night.ask(vec![Intent::Accept]);
    assert_eq!(press(&night.state, "s"), Some(Intent::Silence));
    night.ask(vec![Intent::Acknowledge]);
    let seen: Vec<&str> =
        night.state.alerts.all().iter().filter(|alert| alert.acknowledged).map(|alert| alert.rule.0).collect();
    assert_eq!(seen, ["keys-single-copy"], "what is said is said of what is shown");
    // Esc shows all again, and only then closes the list.
    night.ask(vec![Intent::Back]);
    assert_eq!(night.state.listed_alerts().len(), all);
    let order = |state: &State| state.listed_alerts().iter().map(|alert| alert.rule.0).collect::<Vec<_>>();
    let worst = order(&night.state);
    let mut seen = Vec::new();
    for _ in 0..4 {
        night.ask(vec![press(&night.state, "o").unwrap()]);
        seen.push(order(&night.state));
    }
    assert_eq!(seen.last(), Some(&worst), "and round to the worst first");
    assert!(seen.iter().any(|other| *other != worst));
    night.ask(vec![Intent::Back]);
    assert_eq!(night.state.top(), None);
}
