//! Draws a state, turns keys into intents. Start at [`console::render`]; a new pane is a file in [`panes`] and a line in
//! its registry, a new key a line in [`keymap`].
#![allow(clippy::trivially_copy_pass_by_ref, reason = "a look is handed on like the state it draws, and will grow")]

pub mod about;
pub mod banner;
pub mod canvas;
pub mod console;
pub mod fmt;
pub mod footer;
pub mod keymap;
pub mod keys;
pub mod layers;
pub mod overview;
pub mod panes;
pub mod sight;
pub mod table;
pub mod terminal;
pub mod theme;
pub mod verdict;
