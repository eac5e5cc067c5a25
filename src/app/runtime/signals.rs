//! Signals as messages: asked to end, asked to stop, back again.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;

use super::desk::Input;
use crate::app::msg::Msg;

/// Sends [`Msg::Terminate`] on SIGTERM and SIGHUP (a closed terminal), and on SIGINT, which a raw terminal never makes
/// by itself. Runs until the inbox is gone.
pub async fn listen<E>(inbox: UnboundedSender<Input<E>>) {
    let kinds = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()];
    let [Ok(mut term), Ok(mut hup), Ok(mut int)] = kinds.map(signal) else { return };
    loop {
        tokio::select! {
            _ = term.recv() => {}
            _ = hup.recv() => {}
            _ = int.recv() => {}
        }
        if inbox.send(Input::Msg(Msg::Terminate)).is_err() {
            return;
        }
    }
}

/// Stops this process as Ctrl-Z does; returns when it is continued.
///
/// The whole group of the terminal's foreground, as the terminal itself would: a script around us would wait for us for
/// ever if only we stopped.
pub fn stop_self() {
    // Failing to stop is no harm: the program simply goes on.
    let _ = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
}
