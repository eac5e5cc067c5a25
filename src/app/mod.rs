//! The pure core: what is known, what it means, what a person may do about it. No clock, no I/O outside
//! [`runtime`] and [`config`].
#![warn(missing_docs)]

pub mod actions;
pub mod advisories;
pub mod alerts;
pub mod config;
pub mod cron;
pub mod effect;
pub mod estate;
pub mod flow;
pub mod id;
pub mod intent;
pub mod model;
pub mod msg;
pub mod nodes;
pub mod policy;
pub mod ports;
pub mod program;
pub mod raft;
pub mod report;
pub mod rotation;
pub mod runbook;
pub mod runtime;
pub mod settings;
pub mod state;
pub mod sync;
pub mod text;
pub mod time;
pub mod tokens;
pub mod trouble;
pub mod update;
pub mod verdict;
pub mod workloads;
