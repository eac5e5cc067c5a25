//! Every screen at three sizes, its style roles, and whatever a hostile name or a tiny window could break.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::trivially_copy_pass_by_ref,
    reason = "tests fail by panicking, and hand a look on as the views do"
)]

mod fixture;
mod keymap;
mod world;

use baowatch::app::id::{FeedId, ObjectRef, PaneId};
use baowatch::app::intent::Intent;
use baowatch::app::model::fact::{Environment, Fact};
use baowatch::app::model::seal::Role as Does;
use baowatch::app::msg::Pending;
use baowatch::app::settings::{Cluster, LastSeen};
use baowatch::app::state::State;
use baowatch::app::state::layers::Layer;
use baowatch::app::trouble::{Trouble, TroubleKind};
use baowatch::app::verdict::Standing;
use baowatch::views::console::{print, render, rows};
use baowatch::views::terminal::Screen;
use baowatch::views::theme::{Glyphs, Look, Role, Theme};
use fixture::Night;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

type Make = fn() -> Night;

fn with(make: Make, intents: Vec<Intent>) -> Night {
    let mut night = make();
    night.ask(intents);
    night
}

/// The drawer of one row of the Keys pane.
fn about(make: Make, key: &str) -> Night {
    let mut night = with(make, vec![Intent::Zoom(PaneId::Keys)]);
    night.state.selected.insert(PaneId::Keys, key.to_owned());
    night.ask(vec![Intent::Open]);
    night
}

fn typed(mut night: Night, text: &str) -> Night {
    night.ask(text.chars().map(Intent::Type).collect());
    night
}

/// Three clusters of a config file, of which one has been left in trouble and one was never looked at.
fn clusters() -> Night {
    let mut night = fixture::healthy();
    let sentence = "3 of 3 replicas are sealed".to_owned();
    let last = LastSeen { state: Standing::Down, sentence, at: night.state.now };
    let cluster = |name: &str, environment, last| Cluster { name: name.to_owned(), environment, here: false, last };
    night.state.settings.fleet = vec![
        Cluster { here: true, ..cluster("prod-fra", Environment::Production, None) },
        cluster("prod-ams", Environment::Production, Some(last)),
        cluster("lab", Environment::Lab, None),
    ];
    night.ask(vec![Intent::Clusters, Intent::Move(1)]);
    night
}

/// As a person who presses End sees it at 80×24.
fn scrolled(make: Make) -> Night {
    let mut night = make();
    let end = baowatch::views::keys::parse("<End>").unwrap();
    let intent = baowatch::views::console::intent_for(&night.state, &end).expect("a plan that is too long scrolls");
    night.ask(vec![intent]);
    night
}

fn screens() -> Vec<(&'static str, Make)> {
    vec![
        ("healthy", fixture::healthy),
        ("keys-wiped", fixture::keys_wiped),
        ("keys-wiped-zoomed", || with(fixture::keys_wiped, vec![Intent::Zoom(PaneId::Keys)])),
        ("sealed-standby", fixture::sealed_standby),
        ("blind", fixture::blind),
        ("denied", fixture::denied),
        ("denied-zoomed", || with(fixture::denied, vec![Intent::Zoom(PaneId::Vault)])),
        ("plan", fixture::plan),
        ("plan-refused", || {
            with(
                || {
                    let mut night = fixture::plan();
                    night.typed("-3");
                    night
                },
                vec![Intent::Accept],
            )
        }),
        ("run", fixture::run),
        ("run-done", fixture::run_done),
        ("run-failed", fixture::run_failed),
        ("run-in-doubt", fixture::run_in_doubt),
        ("alerts", || with(fixture::keys_wiped, vec![Intent::Alerts])),
        ("alerts-filtered", || {
            typed(with(fixture::keys_wiped, vec![Intent::Alerts, Intent::Sort, Intent::Filter]), "keys")
        }),
        ("details", || with(fixture::keys_wiped, vec![Intent::Zoom(PaneId::Keys), Intent::Open])),
        ("details-replica", || {
            with(fixture::sealed_standby, vec![Intent::Zoom(PaneId::Vault), Intent::Jump { last: true }, Intent::Open])
        }),
        ("help", || with(fixture::healthy, vec![Intent::Help])),
        ("shares", || fixture::shares(1, Pending::Plausible)),
        ("palette", || typed(with(fixture::sealed_standby, vec![Intent::Palette]), "open")),
        ("filter", || typed(with(fixture::keys_wiped, vec![Intent::Zoom(PaneId::Timeline), Intent::Filter]), "lost")),
        ("filter-of-nothing", || typed(with(fixture::healthy, vec![Intent::Filter]), "nobody")),
        ("silence", || typed(with(fixture::keys_wiped, vec![Intent::Alerts, Intent::Silence]), "restored by hand")),
        ("silenced", || {
            let mut night = typed(with(fixture::keys_wiped, vec![Intent::Alerts, Intent::Silence]), "restored by hand");
            night.ask(vec![Intent::NextField, Intent::Accept]);
            night
        }),
        ("clusters", clusters),
        ("actions", || with(fixture::sealed_standby, vec![Intent::Actions])),
        ("leave", || with(fixture::run, vec![Intent::Quit])),
        ("refused", || {
            with(fixture::healthy, vec![Intent::Offer { action: baowatch::app::id::ActionId::Unseal, target: None }])
        }),
        ("first-moment", Night::new),
        ("kept", fixture::kept::kept),
        ("kept-zoomed", || with(fixture::kept::kept, vec![Intent::Zoom(PaneId::Keys)])),
        ("wiped-kept", fixture::kept::wiped_kept),
        ("wiped-kept-zoomed", || with(fixture::kept::wiped_kept, vec![Intent::Zoom(PaneId::Keys)])),
        ("kept-stale-zoomed", || {
            let mut night = with(fixture::kept::copies_lost, vec![Intent::Zoom(PaneId::Keys)]);
            night.jump(300).send(world::healthy());
            night
        }),
        ("mismatch", fixture::kept::mismatch),
        ("mismatch-zoomed", || with(fixture::kept::mismatch, vec![Intent::Zoom(PaneId::Keys)])),
        ("copies-lost", fixture::kept::copies_lost),
        ("copies-lost-zoomed", || with(fixture::kept::copies_lost, vec![Intent::Zoom(PaneId::Keys)])),
        ("keystore-unreadable", fixture::kept::keystore_unreadable),
        ("keystore-lost", fixture::kept::keystore_lost),
        ("details-keystore", || about(fixture::kept::kept, "keystore")),
        ("details-keystore-lost", || about(fixture::kept::keystore_lost, "keystore")),
        ("details-copy", || about(fixture::kept::copies_lost, "copy nas")),
        ("details-holding", || about(fixture::kept::kept, "holding anna@laptop/keystore")),
        ("details-register", || about(fixture::kept::kept, "register")),
        ("details-custody", || about(fixture::kept::custody_drift, "file master-key")),
        ("details-proof", || about(fixture::kept::mismatch, "proof")),
        ("unlock", || fixture::kept::unlock(Pending::Empty, None)),
        ("unlock-trying", || {
            let mut night = fixture::kept::unlock(Pending::Typing, None);
            if let Some(Layer::Unlock(dialog)) = night.state.layers.last_mut() {
                dialog.trying = Some(baowatch::app::state::layers::Try { typed: true, since: night.state.now });
            }
            night
        }),
        ("unlock-refused", || fixture::kept::unlock(Pending::Empty, Some(fixture::kept::wrong_passphrase()))),
        ("long-plan", fixture::kept::long_plan),
        ("long-plan-scrolled", || scrolled(fixture::kept::long_plan)),
        ("long-plan-choice", || with(fixture::kept::long_plan, vec![Intent::NextField, Intent::NextField])),
        ("proved", || fixture::kept::proved(false)),
        ("proof-refused", || fixture::kept::proved(true)),
        ("actions-kept", || with(fixture::kept::wiped_kept, vec![Intent::Actions, Intent::Move(4)])),
        ("custody-drift", fixture::kept::custody_drift),
        ("custody-drift-zoomed", || with(fixture::kept::custody_drift, vec![Intent::Zoom(PaneId::Keys)])),
    ]
}

fn drawn(state: &State, look: &Look, width: u16, height: u16) -> Buffer {
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    render(state, look, &mut buf);
    buf
}

#[test]
fn every_screen_at_three_sizes() {
    for (name, make) in screens() {
        for (width, height) in SIZES {
            let state = make().sized(width, height);
            insta::assert_snapshot!(format!("{name}.{width}x{height}"), print(&state, &Look::default(), width, height));
        }
    }
}

#[test]
fn without_colour_and_without_unicode() {
    let look = Look { theme: Theme::Mono, glyphs: Glyphs::Ascii };
    for (name, make) in screens() {
        let state = make().sized(80, 24);
        let text = print(&state, &look, 80, 24);
        assert!(text.is_ascii(), "{name}: {:?}", text.chars().filter(|c| !c.is_ascii()).collect::<String>());
        if ["keys-wiped", "plan", "shares", "copies-lost-zoomed", "custody-drift-zoomed"].contains(&name) {
            insta::assert_snapshot!(format!("ascii.{name}"), text);
        }
    }
}

/// One letter a cell: which role's style it has.
fn roles(buf: &Buffer, theme: Theme) -> String {
    let letter = |style: Style| {
        let plain = |s: Style| (s.fg.filter(|c| *c != ratatui::style::Color::Reset), s.add_modifier);
        Role::ALL.iter().find(|(role, _)| plain(theme.style(*role)) == plain(style)).map_or('*', |(_, letter)| *letter)
    };
    let area = *buf.area();
    let mut out = String::new();
    for y in area.top()..area.bottom() {
        let mut row = String::new();
        for x in area.left()..area.right() {
            let cell = buf.cell((x, y)).unwrap();
            row.push(if cell.symbol() == " " { ' ' } else { letter(cell.style()) });
        }
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

#[test]
fn every_role_where_it_belongs() {
    for (name, make) in screens() {
        let shown = [
            "healthy",
            "keys-wiped",
            "sealed-standby",
            "blind",
            "denied",
            "plan",
            "alerts",
            "copies-lost-zoomed",
            "mismatch-zoomed",
            "proof-refused",
            "kept-stale-zoomed",
        ];
        if !shown.contains(&name) {
            continue;
        }
        let state = make().sized(80, 24);
        for (theme, word) in [(Theme::Colour, "colour"), (Theme::Mono, "mono")] {
            let look = Look { theme, ..Look::default() };
            insta::assert_snapshot!(format!("roles.{name}.{word}"), roles(&drawn(&state, &look, 80, 24), theme));
        }
    }
}

/// What was refused, lost or is out of date must never be told in the role or with the mark of what is well.
#[test]
fn what_is_not_well_never_looks_well() {
    let night = fixture::kept::proved(true);
    let text = print(&night.state, &Look::default(), 80, 24);
    assert!(text.contains("✗  1 ask openbao-0 about the Secret's keys"), "{text}");
    assert!(text.contains("✗ The vault does not take the keys of step 1."), "{text}");
    assert!(!text.contains("✓ 2 of 2"), "{text}");
    let row = |make: Make, name: &str| {
        let text = print(&with(make, vec![Intent::Zoom(PaneId::Keys)]).state, &Look::default(), 120, 40);
        let found = text.lines().find(|line| line.contains(name)).map(str::to_owned);
        found.unwrap_or_else(|| panic!("no {name} in {text}"))
    };
    for (name, mark) in [(" nas", '▲'), (" mgmt", '▲'), (" old-stick", '✗'), (" vault-ams", '?'), (" stick", '✓')]
    {
        let row = row(fixture::kept::copies_lost, &format!("{mark}{name}"));
        assert_eq!(row.contains('✓'), mark == '✓', "{row}");
    }
    let places = row(fixture::kept::copies_lost, "places hold the keys");
    assert!(places.contains("3 places hold the keys: keystore, stick, keystore of anna@laptop"), "{places}");
    for (name, mark) in [(" mail-key", '✗'), (" master-key", '✗'), (" backup-key", '▲'), (" seal-key", '✓')] {
        row(fixture::kept::custody_drift, &format!("{mark}{name}"));
    }
    let mut late = with(fixture::kept::copies_lost, vec![Intent::Zoom(PaneId::Keys)]);
    late.jump(300).send(world::healthy());
    let text = print(&late.state, &Look::default(), 120, 40);
    for name in ["stick", "nas", "anna@laptop", "keystore "] {
        let row =
            text.lines().find(|line| line.contains(&format!("▲ {name}")) || line.starts_with(&format!(" {name}")));
        let row = row.unwrap_or_else(|| panic!("no stale {name}: {text}"));
        assert!(row.contains("stale") && !row.contains('✓'), "{row}");
    }
}

#[test]
fn nothing_but_the_badge_has_a_background() {
    for (_, make) in screens() {
        let state = make().sized(80, 24);
        let buf = drawn(&state, &Look::default(), 80, 24);
        for position in buf.area().positions() {
            let style = buf.cell(position).unwrap().style();
            assert!(style.bg.is_none_or(|bg| bg == ratatui::style::Color::Reset), "{position:?}");
        }
    }
}

#[test]
fn every_size_draws() {
    for (name, make) in screens() {
        let state = make().state;
        // Every size for the screens that differ most, the edges for all.
        let every = ["keys-wiped", "plan", "alerts"].contains(&name);
        for width in (1..=60).filter(|width| every || width % 13 == 1) {
            for height in (1..=20).filter(|height| every || height % 4 == 1) {
                let buf = drawn(&state, &Look::default(), width, height);
                assert_eq!(rows(&buf).len(), height as usize, "{name} {width}x{height}");
            }
        }
        let ascii = Look { theme: Theme::Mono, glyphs: Glyphs::Ascii };
        for (width, height) in [(0, 0), (1, 1), (20, 5), (40, 10), (63, 11), (64, 12), (149, 9), (150, 12), (400, 200)]
        {
            drawn(&state, &ascii, width, height);
        }
    }
}

#[test]
fn a_tiny_window_still_says_the_sentence() {
    let state = fixture::keys_wiped().sized(20, 5);
    let text = print(&state, &Look::default(), 20, 5);
    assert!(text.contains("TWO RESTARTS"), "{text}");
}

/// Names as an enemy or another alphabet would write them.
fn strange() -> Vec<String> {
    vec![
        "\u{1b}[2J\u{1b}]0;owned\u{7}openbao".into(),
        "x".repeat(300),
        "בסיס-נתונים".into(),
        "\u{202e}oabnepo".into(),
        "倉庫倉庫倉庫倉庫倉庫倉庫倉庫倉庫倉庫倉庫".into(),
        "e\u{301}\u{301}\u{301}\u{200d}👩\u{200d}🚀👍🏽🇫🇷".into(),
        "a\nb\tc\r".into(),
    ]
}

#[test]
fn a_strange_name_breaks_no_row() {
    for name in strange() {
        let mut night = fixture::keys_wiped();
        let mut workload = world::workload(3);
        workload.members = vec![name.clone(), "openbao-1".into(), "openbao-2".into()];
        let mut pod = world::pod(0, 1);
        pod.name.clone_from(&name);
        pod.node = Some(name.clone());
        let mut seal = world::seal(true, Some(Does::Active));
        seal.nonce.clone_from(&name);
        seal.version.clone_from(&name);
        night.send(vec![
            world::report(FeedId::Workload, vec![Fact::Workload(Some(workload))]),
            world::report(FeedId::Pods, vec![Fact::Pods(vec![pod, world::pod(1, 1)])]),
            world::report(
                FeedId::Seal,
                vec![Fact::Seal { replica: name.clone(), answer: baowatch::app::model::seal::SealAnswer::Said(seal) }],
            ),
        ]);
        for layer in [
            None,
            Some(Layer::Details { subject: ObjectRef::pod("data", &name), scroll: 0, onward: Vec::new() }),
            Some(Layer::Refused(Trouble::new(TroubleKind::Refused, &name, &name, &name))),
            Some(Layer::Alerts { selected: None }),
        ] {
            night.state.layers = layer.into_iter().collect();
            for (width, height) in [(80, 24), (120, 40), (200, 60), (41, 11)] {
                let buf = drawn(&night.state, &Look::default(), width, height);
                for row in rows(&buf) {
                    assert_eq!(row.width(), width as usize, "{name:?} at {width}x{height}: {row:?}");
                    assert!(!row.chars().any(char::is_control), "{row:?}");
                }
            }
        }
    }
}

#[test]
fn a_quiet_minute_changes_no_cell() {
    let mut night = fixture::healthy();
    let first = drawn(&night.state, &Look::default(), 80, 24);
    for _ in 0..30 {
        night.jump(2).send(world::healthy());
        assert!(
            drawn(&night.state, &Look::default(), 80, 24) == first,
            "{}",
            print(&night.state, &Look::default(), 80, 24)
        );
    }
}

/// A writer that can be looked into.
#[derive(Clone, Default)]
struct Wire(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);

impl std::io::Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_terminal_shows_the_buffer_and_gets_nothing_when_nothing_changed() {
    let wire = Wire::default();
    let mut screen = Screen::over(wire.clone(), Look::default());
    let size = |n| std::num::NonZero::new(n).unwrap();
    let mut emulator = vt100::Parser::new(size(24), size(80), 0);
    let mut sent = 0;
    let mut check = |state: &State, emulator: &mut vt100::Parser| {
        screen.show(state).unwrap();
        let bytes = wire.0.borrow().clone();
        emulator.process(&bytes[sent..]);
        let new = bytes.len() - sent;
        sent = bytes.len();
        let (width, height) = state.size;
        let shown: Vec<String> = emulator.screen().rows(0, width).map(|row| row.trim_end().to_owned()).collect();
        let wanted: Vec<String> =
            print(state, &Look::default(), width, height).lines().map(ToOwned::to_owned).collect();
        assert_eq!(shown, wanted);
        new
    };
    let mut night = fixture::healthy();
    assert!(check(&night.state, &mut emulator) > 0);
    for _ in 0..30 {
        night.jump(2).send(world::healthy());
        assert_eq!(check(&night.state, &mut emulator), 0);
    }
    for (_, make) in screens() {
        check(&make().state, &mut emulator);
    }
    emulator.screen_mut().set_size(size(10), size(44));
    check(&fixture::plan().sized(44, 10), &mut emulator);
    emulator.screen_mut().set_size(size(5), size(20));
    check(&fixture::plan().sized(20, 5), &mut emulator);
}
