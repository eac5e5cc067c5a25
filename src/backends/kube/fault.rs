//! Errors of the Kubernetes client turned into [`Trouble`]: denied, unreachable and absent kept apart, secrets kept out.

use std::error::Error as StdError;
use std::io::ErrorKind;

use kube::client::{AuthError, UpgradeConnectionError};
use kube::core::Status;

use crate::app::trouble::{Trouble, TroubleKind};

/// The right that a request needs, and the line of a Role that grants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right<'a> {
    /// API group; empty for core.
    pub group: &'a str,
    /// `secrets`, `pods/portforward`.
    pub resource: &'a str,
    /// Verbs that are needed together.
    pub verbs: &'a [&'a str],
    /// `None` asks for the whole cluster.
    pub namespace: Option<&'a str>,
    /// The one object it can be limited to.
    pub name: Option<&'a str>,
}

impl Right<'_> {
    /// `Allow it in a Role in data: {apiGroups: [""], resources: ["pods"], verbs: ["list"]}`.
    pub fn line(&self) -> String {
        let place = self.namespace.map_or_else(|| "a ClusterRole".to_owned(), |ns| format!("a Role in {ns}"));
        let verbs: Vec<String> = self.verbs.iter().map(|verb| format!("\"{verb}\"")).collect();
        let only = self.name.map_or_else(String::new, |name| format!(", resourceNames: [\"{name}\"]"));
        format!(
            "Allow it in {place}: {{apiGroups: [\"{}\"], resources: [\"{}\"]{only}, verbs: [{}]}}",
            self.group,
            self.resource,
            verbs.join(", ")
        )
    }
}

/// What a failed request means for a person. `what` says what could not be done.
pub fn trouble(what: &str, right: &Right<'_>, error: &kube::Error) -> Trouble {
    match error {
        kube::Error::Api(status) => answered(what, right, status),
        kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(code)) => answered(
            what,
            right,
            &Status::failure("the API server did not open the tunnel", "").with_code(code.as_u16()),
        ),
        kube::Error::Auth(auth) => credentials(auth),
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => Trouble::new(
            TroubleKind::Unusable,
            what,
            "the API server's answer is not what its API promises",
            "Check that the kubeconfig's server address is a Kubernetes API server and no proxy's login page",
        ),
        other => transport(what, other),
    }
}

/// The API server answered, and said no in one of its ways.
fn answered(what: &str, right: &Right<'_>, status: &Status) -> Trouble {
    let said = status.message.as_str();
    match status.code {
        401 => Trouble::denied(
            what,
            "the API server does not accept this identity (401)",
            "Log in again, or check the credentials of this kubeconfig context",
        ),
        403 => Trouble::denied(what, said, &right.line()),
        404 => Trouble::new(TroubleKind::Absent, what, said, "Check the name and the namespace"),
        429 => Trouble::new(
            TroubleKind::Refused,
            what,
            "the API server asks to slow down (429)",
            "It is asked again in a moment",
        ),
        410 => Trouble::unreachable(what, "the watch is too old (410)", "It starts again by itself"),
        500.. => Trouble::unreachable(
            what,
            &format!("the API server answers {}: {said}", status.code),
            "Check the API server; it is asked again in a moment",
        ),
        code => Trouble::new(
            TroubleKind::Unusable,
            what,
            &format!("the API server answers {code}: {said}"),
            "Read the message; this request does not fit this API server",
        ),
    }
}

/// Nothing came back, or nothing that could be trusted: the reason lies deep in the chain of sources.
fn transport(what: &str, error: &(dyn StdError + 'static)) -> Trouble {
    let mut link = Some(error);
    let mut last = String::new();
    while let Some(cause) = link {
        if let Some(auth) = cause.downcast_ref::<AuthError>() {
            return credentials(auth);
        }
        if let Some(inner) = cause.downcast_ref::<rustls::Error>() {
            return tls(what, inner);
        }
        if cause.is::<tower::timeout::error::Elapsed>() {
            return Trouble::unreachable(what, "the API server did not answer in time", UNREACHED);
        }
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            if let Some(inner) = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return tls(what, inner);
            }
            let why = match io.kind() {
                ErrorKind::ConnectionRefused => Some("the connection was refused"),
                ErrorKind::TimedOut => Some("the connection timed out"),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
                    Some("the connection broke off")
                }
                ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                    Some("there is no route to the API server")
                }
                _ => None,
            };
            if let Some(why) = why {
                return Trouble::unreachable(what, why, UNREACHED);
            }
        }
        last = cause.to_string();
        link = cause.source();
    }
    Trouble::unreachable(what, &last, UNREACHED)
}

const UNREACHED: &str =
    "Check the network, the VPN and the server address of this context; it is tried again by itself";

/// TLS to the API server failed.
fn tls(what: &str, error: &rustls::Error) -> Trouble {
    if format!("{error:?}").contains("UnsupportedCertVersion") {
        return x509_v1();
    }
    Trouble::new(
        TroubleKind::Unusable,
        what,
        &format!("TLS to the API server failed: {error}"),
        "Check certificate-authority and tls-server-name of this context's cluster in the kubeconfig",
    )
}

/// rustls refuses certificates of version 1, which kubectl accepts.
pub fn x509_v1() -> Trouble {
    Trouble::local(
        "The client certificate of this kubeconfig context cannot be used",
        "it is X.509 version 1, which rustls refuses",
        "Reissue it as version 3: openssl x509 -req with an -extfile (for example one line: extendedKeyUsage=clientAuth)",
    )
}

/// Credentials could not be had. A plugin's output is never shown: it is where credentials come out.
pub fn credentials(error: &AuthError) -> Trouble {
    let what = "No credentials for the API server";
    match error {
        AuthError::AuthExecStart(io) => Trouble::local(
            what,
            &format!("the credential plugin of this context could not be started ({})", io.kind()),
            "Install the plugin named under users[].user.exec.command in the kubeconfig, or put it on the PATH",
        ),
        // Its command line is not shown either: it begins with the environment that the kubeconfig gives the plugin.
        AuthError::AuthExecRun { out, .. } => Trouble::local(
            what,
            &format!("the credential plugin of this context failed ({})", out.status),
            "Run the plugin by hand to see its message; often a new login is all it wants",
        ),
        AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed | AuthError::MalformedTokenExpirationDate(_) => {
            Trouble::local(
                what,
                "the credential plugin of this context did not answer with an ExecCredential",
                "Run the plugin by hand and check that it prints an ExecCredential as JSON",
            )
        }
        AuthError::MissingCommand => Trouble::local(
            what,
            "users[].user.exec has no command in this kubeconfig",
            "Name the credential plugin there",
        ),
        AuthError::ReadTokenFile(io, path) => Trouble::local(
            what,
            &format!("{} cannot be read ({})", path.display(), io.kind()),
            "Check tokenFile in the kubeconfig and the file's permissions",
        ),
        AuthError::InvalidBasicAuth(_) | AuthError::InvalidBearerToken(_) => Trouble::local(
            what,
            "the token or password of this context holds characters that cannot be sent",
            "Check it for line breaks and pasted blanks",
        ),
        _ => Trouble::local(
            what,
            "the way this kubeconfig context authenticates does not work here",
            "Check the user of this context in the kubeconfig",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: Right<'static> =
        Right { group: "", resource: "secrets", verbs: &["get", "watch"], namespace: Some("data"), name: Some("keys") };

    #[test]
    fn a_role_line_can_be_pasted() {
        assert_eq!(
            RIGHT.line(),
            r#"Allow it in a Role in data: {apiGroups: [""], resources: ["secrets"], resourceNames: ["keys"], verbs: ["get", "watch"]}"#
        );
    }

    #[test]
    fn denied_absent_and_unreachable_are_three_things() {
        let of =
            |code| trouble("x", &RIGHT, &kube::Error::Api(Status::failure("said", "why").with_code(code).boxed())).kind;
        assert_eq!(
            [of(401), of(403), of(404), of(429), of(503)],
            [
                TroubleKind::Denied,
                TroubleKind::Denied,
                TroubleKind::Absent,
                TroubleKind::Refused,
                TroubleKind::Unreachable
            ]
        );
        let refused = kube::Error::Service(Box::new(std::io::Error::from(ErrorKind::ConnectionRefused)));
        assert_eq!(trouble("x", &RIGHT, &refused).kind, TroubleKind::Unreachable);
    }

    #[test]
    fn a_plugins_output_is_never_shown() {
        use std::os::unix::process::ExitStatusExt;
        let out = std::process::Output {
            status: std::process::ExitStatus::from_raw(256),
            stdout: b"CANARY".to_vec(),
            stderr: b"CANARY".to_vec(),
        };
        let error = kube::Error::Auth(AuthError::AuthExecRun {
            // As std prints a command: the environment first.
            cmd: "AWS_SESSION=\"a CANARY\" \"aws\" \"--secret\" \"CANARY\"".into(),
            out: Box::new(out),
        });
        let said = trouble("x", &RIGHT, &error).to_string();
        assert!(said.contains("credential plugin") && !said.contains("CANARY"), "{said}");
        let boxed = kube::Error::Service(Box::new(AuthError::MissingCommand));
        assert_eq!(trouble("x", &RIGHT, &boxed).kind, TroubleKind::Local);
    }
}
