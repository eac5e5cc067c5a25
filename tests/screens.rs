//! Every screen at three sizes, its style roles, and whatever a hostile name or a tiny window could break.

mod fixture;
mod world;

use baowatch::app::id::PaneId;
use baowatch::app::intent::Intent;
use baowatch::app::msg::Pending;
use baowatch::app::state::State;
use baowatch::views::console::{print, render, rows};
use baowatch::views::theme::{Glyphs, Look, Role, Theme};
use fixture::Night;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

fn drawn(state: &State, look: &Look, width: u16, height: u16) -> Buffer {
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    render(state, look, &mut buf);
    buf
}

#[test]
fn look_at_them() {
    let Ok(dir) = std::env::var("SCREENS") else { return };
    for (name, make) in screens() {
        for (width, height) in SIZES {
            let state = make().sized(width, height);
            std::fs::write(format!("{dir}/{name}.{width}x{height}.txt"), print(&state, &Look::default(), width, height))
                .unwrap();
        }
    }
}

type Make = fn() -> Night;

fn screens() -> Vec<(&'static str, Make)> {
    vec![
        ("healthy", fixture::healthy),
        ("keys-wiped", fixture::keys_wiped),
        ("keys-wiped-zoomed", || {
            let mut night = fixture::keys_wiped();
            night.ask(vec![Intent::Zoom(PaneId::Keys)]);
            night
        }),
        ("sealed-standby", fixture::sealed_standby),
        ("blind", fixture::blind),
        ("denied", fixture::denied),
        ("denied-zoomed", || {
            let mut night = fixture::denied();
            night.ask(vec![Intent::Zoom(PaneId::Vault)]);
            night
        }),
        ("plan", fixture::plan),
        ("run", fixture::run),
        ("alerts", || {
            let mut night = fixture::sealed_standby();
            night.ask(vec![Intent::Alerts]);
            night
        }),
        ("details", || {
            let mut night = fixture::sealed_standby();
            night.ask(vec![Intent::Zoom(PaneId::Vault), Intent::Jump { last: true }, Intent::Open]);
            night
        }),
        ("help", || {
            let mut night = fixture::healthy();
            night.ask(vec![Intent::Help]);
            night
        }),
        ("shares", || fixture::shares(1, Pending::Plausible)),
        ("actions", || {
            let mut night = fixture::sealed_standby();
            night.ask(vec![Intent::Actions]);
            night
        }),
        ("first-moment", Night::new),
    ]
}
