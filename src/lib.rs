//! Baowatch: would your OpenBao or Vault survive a restart, right now?
//!
//! [`app`] is the pure core; [`views`] draw it, [`backends`] feed it and act for it; neither knows the other.
//! [`programs`] wires the three, one file a command. `tests/architecture.rs` holds that.
//!
//! The map, one line a module. The core:
//!
//! - [`app::id`]: the names of everything: objects, feeds, panes, rules, actions, runs
//! - [`app::trouble`]: the one shape of an error that a person sees: what, why, what next
//! - [`app::text`], [`app::time`], [`app::cron`]: foreign text made safe to draw; moments and ages; schedules of cron
//! - [`app::model`]: what is known, each thing with its age; facts are folded into it
//! - [`app::raft`], [`app::estate`], [`app::policy`], [`app::advisories`]: what follows from raft's words, from the vault's
//!   estate, from the text of policies, from the version that runs
//! - [`app::alerts`]: rules judge the model, the book remembers since when
//! - [`app::sync`]: what to believe of an object that brings a secret into the cluster; [`app::workloads`]: who runs with an old
//!   one; [`app::flow`]: both joined to one row an application
//! - [`app::nodes`], [`app::tokens`], [`app::rotation`]: what follows from what is known of nodes, of tokens, of what the vault rotates
//! - [`app::verdict`]: the model into one sentence, its reasons, and what to do next
//! - [`app::actions`]: the guided actions: each makes a plan from what is known, or says why not
//! - [`app::runbook`]: the engine of every change: plan, guard, challenge, journal, step, evidence
//! - [`app::state`]: everything that a frame depends on: panes, layers, runs, alerts
//! - [`app::msg`], [`app::intent`]: all that can reach the core; what a person can ask for
//! - [`app::update`], [`app::effect`]: one message in, the next state and the effects out
//! - [`app::program`], [`app::ports`]: the console and the watcher over the one core; what it asks of its shell
//! - [`app::report`]: what `check` says: a document, a few lines, an exit code
//! - [`app::config`], [`app::settings`]: command line, environment and file into one answer; what of it the core is set to
//! - [`app::runtime`]: the loop, the clock, signals, secret slots, tape and replay
//!
//! What touches the outside:
//!
//! - [`backends::kube`]: Kubernetes, read through one port; objects digested into facts; tunnels
//! - [`backends::bao`]: the HTTP API of OpenBao and Vault; reading and writing are two types
//! - [`backends::connect`]: which cluster, which vault in it, and by which way each replica is reached
//! - [`backends::feeds`], [`backends::supervisor`], [`backends::backoff`]: one file a feed; who keeps them going; how long it waits
//! - [`backends::keys`]: unseal keys as they lie in a Secret: recognised, fingerprinted, lent for one use
//! - [`backends::keystore`]: the encrypted file that is the second place of the keys: format, slots, who opens it and for how long
//! - [`backends::copies`]: copies of that file elsewhere: written, read back, compared, tested
//! - [`backends::custody`]: key files of other programs, read where they belong and compared with what is kept of them
//! - [`backends::hands`]: the only place that changes anything outside this program
//! - [`backends::files`]: journals, history, proofs, and what `check` remembers
//! - [`backends::sandbox`]: an OpenBao and a Kubernetes inside the process, and the scenarios they play
//!
//! What is seen:
//!
//! - [`views::console`]: the whole screen; begin to read here
//! - [`views::banner`], [`views::verdict`], [`views::overview`], [`views::footer`]: its parts, from the top
//! - [`views::panes`]: the registry of panes, one file each
//! - [`views::layers`], [`views::about`]: dialogs and drawers over it; everything known about one thing
//! - [`views::keymap`], [`views::keys`]: the one table that handles, shows and explains the keys; their names
//! - [`views::theme`], [`views::fmt`], [`views::table`], [`views::canvas`], [`views::sight`]: roles and glyphs, words that fit,
//!   columns, the drawing ground, what cannot be seen
//! - [`views::terminal`]: the terminal taken, and given back on every way out
//!
//! The programs:
//!
//! - [`programs::console`], [`programs::demo`], [`programs::check`], [`programs::act`], [`programs::config`],
//!   [`programs::shell`]: one command each; `shell` prints completions and the manual page
//! - [`programs::fleet`]: from one cluster of the config file to another in the same terminal
//! - [`programs::keys`]: the encrypted keystore from the command line, one command of it a file
//! - [`programs::session`]: aim, connect, watch: what all of them begin with; [`programs::held`]: the keystore and salt of it
//! - [`programs::stage`]: the sandbox stepped through virtual time, for printed screens and tests
//! - [`programs::log`], [`programs::hidden`], [`programs::plan_text`], [`programs::choices`]: the log file, hidden input, a plan
//!   as text, arguments as choices
//! - [`programs::hardening`]: no core file, no values in a panic

pub mod app;
pub mod backends;
pub mod programs;
pub mod views;
