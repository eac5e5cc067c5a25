//! What keeps this process's memory from leaving it by accident: no core file, no reading by its neighbours, no values in the
//! words of a panic.

use std::fmt;
use std::panic::PanicHookInfo;

use color_eyre::config::HookBuilder;
use color_eyre::section::PanicMessage;

/// Forbids core files, and reading this process's memory by others of the same user. What the system does not allow is left
/// out: a program that cannot be hardened still has to look after a vault.
pub fn harden() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // The hard limit too: nothing that runs in this process can raise it again.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// Reports of panics: where, and what was written down in the source; never what was put into the words at run time.
pub fn install_reporter() -> Result<(), String> {
    HookBuilder::default().panic_message(WithoutValues).install().map_err(|report| report.to_string())
}

/// Words that are in the source hold no secret; words that were made at run time may (`called Result::unwrap() on …`).
struct WithoutValues;

impl PanicMessage for WithoutValues {
    fn display(&self, info: &PanicHookInfo<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = info.payload().downcast_ref::<&'static str>().copied();
        writeln!(f, "Baowatch broke: {}", words.unwrap_or("(its words are left out: they may repeat a value)"))?;
        match info.location() {
            Some(place) => write!(f, "at {}:{}", place.file(), place.line()),
            None => Ok(()),
        }
    }
}
