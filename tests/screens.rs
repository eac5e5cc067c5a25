//! Every screen at three sizes, its style roles, and whatever a hostile name or a tiny window could break.

mod fixture;
mod world;

use baowatch::app::id::{FeedId, ObjectRef, PaneId};
use baowatch::app::intent::Intent;
use baowatch::app::model::fact::Fact;
use baowatch::app::model::seal::Role as Does;
use baowatch::app::msg::Pending;
use baowatch::app::state::State;
use baowatch::app::state::layers::Layer;
use baowatch::app::trouble::{Trouble, TroubleKind};
use baowatch::views::console::{print, render, rows};
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
        ("details", || with(fixture::keys_wiped, vec![Intent::Zoom(PaneId::Keys), Intent::Open])),
        ("details-replica", || {
            with(fixture::sealed_standby, vec![Intent::Zoom(PaneId::Vault), Intent::Jump { last: true }, Intent::Open])
        }),
        ("help", || with(fixture::healthy, vec![Intent::Help])),
        ("shares", || fixture::shares(1, Pending::Plausible)),
        ("actions", || with(fixture::sealed_standby, vec![Intent::Actions])),
        ("leave", || with(fixture::run, vec![Intent::Quit])),
        ("refused", || {
            with(fixture::healthy, vec![Intent::Offer { action: baowatch::app::id::ActionId::Unseal, target: None }])
        }),
        ("first-moment", Night::new),
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
        if ["keys-wiped", "plan", "shares"].contains(&name) {
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
        if !["healthy", "keys-wiped", "sealed-standby", "blind", "denied", "plan", "alerts"].contains(&name) {
            continue;
        }
        let state = make().sized(80, 24);
        for (theme, word) in [(Theme::Colour, "colour"), (Theme::Mono, "mono")] {
            let look = Look { theme, ..Look::default() };
            insta::assert_snapshot!(format!("roles.{name}.{word}"), roles(&drawn(&state, &look, 80, 24), theme));
        }
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
        for width in 1..=64 {
            for height in 1..=24 {
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
            Some(Layer::Details { subject: ObjectRef::pod("data", &name), scroll: 0 }),
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
