//! Why no answer came: TLS, refused, slow, not HTTP. Says which setting would mend it.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::{CertificateError, Error as Tls};

use crate::app::text::clean;
use crate::app::trouble::{Trouble, TroubleKind};

/// What the client's error comes down to. The interesting cause lies several sources deep; the client's own text is not
/// used, it holds the URL.
pub(super) fn of(replica: &str, url: &reqwest::Url, tunnel: bool, error: &reqwest::Error) -> Trouble {
    let at = format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    let https = url.scheme() == "https";
    if let Some(tls) = find::<Tls>(error) {
        return of_tls(replica, url.host_str().unwrap_or_default(), tls);
    }
    if error.is_timeout() {
        return slow(replica, &at, tunnel, error.is_connect());
    }
    let text = words(error);
    if text.contains("invalid HTTP") || text.contains("HTTP version") {
        return not_http(replica, https);
    }
    if let Some(io) = find::<io::Error>(error) {
        match io.kind() {
            io::ErrorKind::UnexpectedEof if https => return hung_up(replica, tunnel, true),
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => return hung_up(replica, tunnel, https),
            _ if !tunnel => return connect(replica, &at, io),
            _ => {}
        }
    }
    if text.contains("connection closed") || text.contains("incomplete message") {
        return hung_up(replica, tunnel, https);
    }
    Trouble::unreachable(
        &format!("{replica} gave no answer"),
        "the connection failed in a way that is not known here",
        if tunnel { "Look at the pod, and at what lies between here and the API server" } else { "Check the address" },
    )
}

/// A connection over the network that could not be made.
pub(super) fn connect(replica: &str, at: &str, error: &io::Error) -> Trouble {
    let text = words(error);
    let (why, next) = if text.contains("lookup") || text.contains("dns error") || text.contains("resolve") {
        ("the name is not known to the resolver", "Check the spelling of the address, or use a name that resolves here")
    } else {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                ("connection refused: nothing listens there", "Check the port; if it is right, the server is down")
            }
            io::ErrorKind::TimedOut => ("nothing answered in time", "Check the route and the firewalls on the way"),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                ("there is no route to it", "Check the network, a VPN for example")
            }
            _ => ("the connection could not be made", "Check the address"),
        }
    };
    Trouble::unreachable(&format!("{replica} cannot be reached at {at}"), why, next)
}

/// A tunnel that did not open.
pub(super) fn slow_dial(replica: &str, limit: Duration) -> Trouble {
    Trouble::unreachable(
        &format!("no tunnel to {replica}"),
        &format!("it did not open within {} s", limit.as_secs()),
        "Look at the pod and its node: the API server opens tunnels through the node's kubelet",
    )
}

/// The authority's file cannot be used; `why` never quotes it.
pub(super) fn bad_ca(why: &str) -> Trouble {
    Trouble::new(
        TroubleKind::Unusable,
        "the CA that was given cannot be used",
        why,
        "Set vault.caFile to a PEM file with at least one certificate",
    )
}

fn of_tls(replica: &str, host: &str, error: &Tls) -> Trouble {
    let unusable = |what: &str, why: &str, next: &str| {
        Trouble::new(TroubleKind::Unusable, &format!("{replica} {what}"), why, next)
    };
    match error {
        Tls::InvalidCertificate(certificate) => of_certificate(replica, host, certificate),
        Tls::InvalidMessage(_) => unusable(
            "does not speak TLS",
            "the address says https://, the listener answers in plain HTTP",
            "Use http:// in the address, if that is what the listener is meant to do",
        ),
        Tls::AlertReceived(alert) => {
            let alert = format!("{alert:?}");
            if alert.contains("CertificateRequired") {
                return unusable(
                    "wants a client certificate",
                    "its listener has tls_require_and_verify_client_cert on",
                    "Turn it off for a listener that Baowatch can reach",
                );
            }
            unusable("ended the TLS handshake", &format!("with the alert {alert}"), "Look at this replica's log")
        }
        _ => unusable(
            "could not agree on TLS",
            "the two sides have no version or cipher in common, or it is no TLS at all",
            "Look at tls_min_version and tls_cipher_suites of its listener",
        ),
    }
}

fn of_certificate(replica: &str, host: &str, error: &CertificateError) -> Trouble {
    let unusable = |what: &str, why: &str, next: &str| Trouble::new(TroubleKind::Unusable, what, why, next);
    match error {
        CertificateError::NotValidForName => wrong_name(replica, host, &[]),
        CertificateError::NotValidForNameContext { presented, .. } => wrong_name(replica, host, presented),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => unusable(
            &format!("the certificate of {replica} has expired"),
            "or the clock of this machine is ahead",
            "Renew the certificate and reload the server; the vault behind it may be fine",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => unusable(
            &format!("the certificate of {replica} is not valid yet"),
            "or the clock of this machine is behind",
            "Compare the clocks of this machine and of the one that signs certificates",
        ),
        CertificateError::Revoked => unusable(
            &format!("the certificate of {replica} was revoked"),
            "",
            "Renew the certificate and reload the server",
        ),
        _ => unusable(
            &format!("the certificate of {replica} is not trusted"),
            "no authority known here signed it",
            "Set vault.caFile to the CA that signed it",
        ),
    }
}

fn wrong_name(replica: &str, host: &str, presented: &[String]) -> Trouble {
    // The library writes `DnsName("openbao")`.
    let bare = |name: &String| name.split('"').nth(1).map_or_else(|| name.clone(), str::to_owned);
    let names: Vec<String> = presented.iter().take(6).map(bare).map(|name| clean(&name)).collect();
    let why = if names.is_empty() { String::new() } else { format!("it names {}", names.join(", ")) };
    Trouble::new(
        TroubleKind::Unusable,
        &format!("the certificate of {replica} is not for the name {host}"),
        &why,
        "Set vault.serverName to a name that the certificate has",
    )
}

fn slow(replica: &str, at: &str, tunnel: bool, connecting: bool) -> Trouble {
    let (what, why) = match (connecting, tunnel) {
        (true, false) => (format!("{replica} cannot be reached at {at}"), "nothing answered in time"),
        (true, true) => (format!("{replica} gave no answer"), "the tunnel is open and nothing answers behind it"),
        (false, _) => (format!("{replica} gave no answer"), "it took the request and did not answer in time"),
    };
    let next = if tunnel {
        "It is asked again by itself; if it lasts, look at the pod and its node"
    } else {
        "It is asked again by itself; if it lasts, check the route and the load of the server"
    };
    Trouble::unreachable(&what, why, next)
}

fn hung_up(replica: &str, tunnel: bool, https: bool) -> Trouble {
    let why = match (tunnel, https) {
        (true, _) => {
            "the tunnel was closed from the other end: nothing listens on that port in the pod, or the pod is going"
        }
        (false, true) => "the connection was closed before an answer; a server without TLS does this to https://",
        (false, false) => "the connection was closed before an answer; a server with TLS may do this to http://",
    };
    Trouble::unreachable(
        &format!("{replica} hung up"),
        why,
        "It is asked again by itself; if it lasts, look at its log",
    )
}

fn not_http(replica: &str, https: bool) -> Trouble {
    Trouble::new(
        TroubleKind::Unusable,
        &format!("{replica} does not answer in HTTP"),
        if https { "something else listens there" } else { "something else listens there, or it speaks TLS" },
        if https { "Check the port" } else { "Use https:// in the address, or check the port" },
    )
}

/// The first error of this type among the causes. An `io::Error` hides what it wraps from `source`.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The texts of all causes below the first, to look for words in; never shown.
fn words(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = error.source();
    if next.is_none() {
        text = error.to_string();
    }
    while let Some(error) = next {
        text.push_str(&error.to_string());
        text.push(' ');
        next = error.source();
    }
    text
}
