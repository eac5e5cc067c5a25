//! Makes the Kubernetes client: from a kubeconfig, its exec plugins, or the pod it runs in; and says why it cannot.

use std::ffi::OsString;
use std::time::Duration;

use base64::Engine as _;
use kube::client::ClientBuilder;
use kube::config::{ExecInteractiveMode, KubeConfigOptions, Kubeconfig, KubeconfigError, LoadDataError};
use kube::{Client, Config};
use tower::limit::{ConcurrencyLimitLayer, RateLimitLayer};
use tower::timeout::TimeoutLayer;

use super::{fault, x509};
use crate::app::trouble::Trouble;

/// Response headers must come within this; watches and tunnels outlive it because their headers come at once.
const HEADERS: Duration = Duration::from_secs(4);
/// A TCP and TLS connection must stand within this.
const CONNECT: Duration = Duration::from_secs(4);
/// A credential plugin may open a browser; longer than this nobody waits.
const PLUGIN: Duration = Duration::from_mins(1);
/// Requests at once: enough for every feed, few enough to be a polite guest on a struggling API server.
const AT_ONCE: usize = 16;
/// Requests a second: at rest a handful are made; the first look of all feeds makes about a hundred, and nobody should wait
/// for a limit of our own then. kubectl allows itself three hundred in a burst.
const A_SECOND: u64 = 150;

/// Which cluster is wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// One path or several, merged; else the variable `KUBECONFIG`, else `~/.kube/config`.
    pub kubeconfig: Option<OsString>,
    /// `--context`; else the kubeconfig's current one.
    pub context: Option<String>,
}

/// A client and how it was come by.
#[derive(Clone)]
pub struct Connection {
    /// The client, bounded in time, rate and concurrency. It never retries by itself.
    pub client: Client,
    /// The context; `None` in-cluster.
    pub context: Option<String>,
    /// The kubeconfig's name for the cluster; `in-cluster` without one.
    pub cluster: String,
    /// The context's namespace, else `default`; in-cluster the pod's own.
    pub namespace: String,
    /// The API server's address.
    pub server: String,
}

impl Connection {
    /// Whether this process runs in a pod of the cluster and can reach pods by their addresses.
    pub const fn in_cluster(&self) -> bool {
        self.context.is_none()
    }
}

/// Connects; `None` where nothing names a cluster: no kubeconfig, no pod around us, and none was asked for.
pub async fn connect(wanted: &Wanted) -> Result<Option<Connection>, Trouble> {
    crate::backends::tls_provider();
    let Some(kubeconfig) = read(wanted)? else {
        return in_cluster().await;
    };
    let names: Vec<String> = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
    if names.is_empty() && wanted.context.is_none() {
        return in_cluster().await;
    }
    let Some(context) =
        wanted.context.clone().or_else(|| kubeconfig.current_context.clone()).filter(|name| !name.is_empty())
    else {
        return Err(Trouble::local(
            "The kubeconfig has no current context",
            &format!("it knows {}", named(&names)),
            "Choose one with --context, or with: kubectl config use-context NAME",
        ));
    };
    let Some(found) =
        kubeconfig.contexts.iter().find(|named| named.name == context).and_then(|named| named.context.clone())
    else {
        return Err(Trouble::local(
            &format!("The kubeconfig has no context {context}"),
            &format!("it knows {}", named(&names)),
            "Choose one of them with --context",
        ));
    };
    let options = KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| unreadable(&error))?;
    if client_certificate(&config).is_some_and(|pem| x509::first_is_version_1(&pem)) {
        return Err(fault::x509_v1());
    }
    let connection = build(config, Some(context), found.cluster).await?;
    Ok(Some(connection))
}

/// The name of the context that [`connect`] would use, without connecting; `None` in-cluster and without Kubernetes.
pub fn context_name(wanted: &Wanted) -> Result<Option<String>, Trouble> {
    if wanted.context.is_some() {
        return Ok(wanted.context.clone());
    }
    Ok(read(wanted)?.and_then(|config| config.current_context).filter(|name| !name.is_empty()))
}

/// The kubeconfig that is meant, if there is one.
fn read(wanted: &Wanted) -> Result<Option<Kubeconfig>, Trouble> {
    if let Some(paths) = wanted.kubeconfig.as_ref().filter(|paths| !paths.is_empty()) {
        let mut files = std::env::split_paths(paths).filter(|path| !path.as_os_str().is_empty());
        return files
            .try_fold(Kubeconfig::default(), |merged, path| merged.merge(Kubeconfig::read_from(path)?))
            .map(Some)
            .map_err(|error| unreadable(&error));
    }
    match Kubeconfig::from_env() {
        Ok(Some(config)) => return Ok(Some(config)),
        Ok(None) => {}
        Err(error) => return Err(unreadable(&error)),
    }
    match Kubeconfig::read() {
        Ok(config) => Ok(Some(config)),
        Err(KubeconfigError::FindPath) => absent(wanted),
        Err(KubeconfigError::ReadConfig(io, _)) if io.kind() == std::io::ErrorKind::NotFound => absent(wanted),
        Err(error) => Err(unreadable(&error)),
    }
}

/// No kubeconfig is fine, unless a context of one was asked for.
fn absent(wanted: &Wanted) -> Result<Option<Kubeconfig>, Trouble> {
    let Some(context) = &wanted.context else { return Ok(None) };
    Err(Trouble::local(
        &format!("There is no kubeconfig in which to look for context {context}"),
        "neither KUBECONFIG nor ~/.kube/config names a file that exists",
        "Set KUBECONFIG, or give --kubeconfig",
    ))
}

async fn in_cluster() -> Result<Option<Connection>, Trouble> {
    // Set in every pod; its absence means that no cluster was named anywhere, which is no fault.
    if std::env::var_os("KUBERNETES_SERVICE_HOST").is_none() {
        return Ok(None);
    }
    let config = Config::incluster().map_err(|_| {
        Trouble::local(
            "This pod has no usable service account",
            "KUBERNETES_SERVICE_HOST is set, and /var/run/secrets/kubernetes.io/serviceaccount has no token and CA that can be read",
            "Set automountServiceAccountToken: true on the pod, or give a kubeconfig",
        )
    })?;
    build(config, None, "in-cluster".to_owned()).await.map(Some)
}

async fn build(mut config: Config, context: Option<String>, cluster: String) -> Result<Connection, Trouble> {
    // Its own retries would wait out fifteen rounds of 429 inside one call, for every method.
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT);
    if let Some(exec) = &mut config.auth_info.exec
        && exec.interactive_mode != Some(ExecInteractiveMode::Always)
    {
        // A plugin that refreshes a token under a full-screen console must not read its keys or write over it.
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    let (namespace, server) = (config.default_namespace.clone(), config.cluster_url.to_string());
    // Building runs the credential plugin, which blocks.
    let building = tokio::task::spawn_blocking(move || {
        ClientBuilder::try_from(config).map(|builder| {
            builder
                .with_layer(&TimeoutLayer::new(HEADERS))
                .with_layer(&ConcurrencyLimitLayer::new(AT_ONCE))
                .with_layer(&RateLimitLayer::new(A_SECOND, Duration::from_secs(1)))
                .build()
        })
    });
    let built = tokio::time::timeout(PLUGIN, building).await.map_err(|_| {
        Trouble::local(
            "No credentials for the API server",
            "the credential plugin of this context did not end within a minute",
            "Run the plugin by hand to see what it waits for",
        )
    })?;
    let client = match built {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => return Err(unbuilt(&error)),
        Err(_) => {
            return Err(Trouble::local(
                "The Kubernetes client could not be built",
                "the kubeconfig context holds something it cannot use",
                "Check the context's cluster and user in the kubeconfig",
            ));
        }
    };
    Ok(Connection { client, context, cluster, namespace, server })
}

/// The client certificate's PEM text, where the kubeconfig has one.
fn client_certificate(config: &Config) -> Option<Vec<u8>> {
    if let Some(data) = &config.auth_info.client_certificate_data {
        return base64::engine::general_purpose::STANDARD.decode(data).ok();
    }
    std::fs::read(config.auth_info.client_certificate.as_ref()?).ok()
}

fn unbuilt(error: &kube::Error) -> Trouble {
    match error {
        kube::Error::Auth(auth) => fault::credentials(auth),
        kube::Error::InferKubeconfig(inner) => unreadable(inner),
        kube::Error::RustlsTls(inner) if format!("{inner:?}").contains("UnsupportedCertVersion") => fault::x509_v1(),
        kube::Error::RustlsTls(_) => Trouble::local(
            "The certificates of this kubeconfig context cannot be used",
            "the client certificate, its key or the cluster's CA is damaged, or they do not belong together",
            "Check client-certificate, client-key and certificate-authority of this context",
        ),
        kube::Error::ProxyProtocolUnsupported { .. } | kube::Error::ProxyProtocolDisabled { .. } => Trouble::local(
            "The proxy of this kubeconfig context cannot be used",
            "its protocol is neither http, https nor socks5",
            "Check proxy-url of the cluster, or HTTPS_PROXY",
        ),
        _ => Trouble::local(
            "The Kubernetes client could not be built",
            "the kubeconfig context holds something it cannot use",
            "Check the context's cluster and user in the kubeconfig",
        ),
    }
}

/// The library's own texts print the lines around the mistake, tokens included; these do not.
fn unreadable(error: &KubeconfigError) -> Trouble {
    let what = "The kubeconfig cannot be used";
    let next = "Check it with: kubectl config view";
    match error {
        KubeconfigError::ReadConfig(io, path) => Trouble::local(
            &format!("The kubeconfig {} cannot be read", path.display()),
            &io.kind().to_string(),
            "Check KUBECONFIG or --kubeconfig, and the file's permissions",
        ),
        KubeconfigError::Parse(parse) => {
            let place = parse
                .location()
                .map_or_else(String::new, |at| format!(" at line {}, column {}", at.line(), at.column()));
            Trouble::local(what, &format!("it is no valid kubeconfig YAML{place}"), next)
        }
        KubeconfigError::LoadClusterOfContext(name) => {
            Trouble::local(what, &format!("the context's cluster {name} is not defined in it"), next)
        }
        KubeconfigError::MissingClusterUrl => Trouble::local(what, "the context's cluster has no server address", next),
        KubeconfigError::ParseClusterUrl(_) => {
            Trouble::local(what, "the server address of the context's cluster is no URL", next)
        }
        KubeconfigError::ParseProxyUrl(_) => Trouble::local(what, "proxy-url (or HTTPS_PROXY) is no URL", next),
        KubeconfigError::LoadCertificateAuthority(load) => {
            Trouble::local(what, &file("certificate-authority", load), next)
        }
        KubeconfigError::LoadClientCertificate(load) => Trouble::local(what, &file("client-certificate", load), next),
        KubeconfigError::LoadClientKey(load) => Trouble::local(what, &file("client-key", load), next),
        KubeconfigError::ParseCertificates(_) => Trouble::local(what, "a certificate in it is no valid PEM", next),
        KubeconfigError::KindMismatch | KubeconfigError::ApiVersionMismatch => {
            Trouble::local(what, "the files named in KUBECONFIG are of different kinds and cannot be merged", next)
        }
        _ => Trouble::local(what, "it is incomplete", next),
    }
}

fn file(field: &str, error: &LoadDataError) -> String {
    match error {
        LoadDataError::DecodeBase64(_) => format!("{field}-data is no valid base64"),
        LoadDataError::ReadFile(io, path) => format!("{field} {} cannot be read ({})", path.display(), io.kind()),
        LoadDataError::NoBase64DataOrFile => format!("{field} is named and empty"),
    }
}

/// A few names in a sentence.
fn named(names: &[String]) -> String {
    const SHOWN: usize = 8;
    match names {
        [] => "no context at all".to_owned(),
        names if names.len() <= SHOWN => names.join(", "),
        names => format!(
            "{} and {} more",
            names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", "),
            names.len() - SHOWN
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> (tempfile::TempDir, Wanted) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        std::fs::write(&path, text).unwrap();
        (dir, Wanted { kubeconfig: Some(path.into()), context: None })
    }

    async fn fails(wanted: &Wanted) -> String {
        match connect(wanted).await {
            Ok(_) => panic!("connected"),
            Err(trouble) => trouble.to_string(),
        }
    }

    const TWO: &str = "
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]
users: [{name: u, user: {token: CANARY}}, {name: p, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: /nonexistent/plugin}}}]
contexts: [{name: one, context: {cluster: c, user: u, namespace: data}}, {name: plug, context: {cluster: c, user: p}}]
";

    #[tokio::test]
    async fn contexts_are_named() {
        let (_dir, mut wanted) = written(TWO);
        assert!(fails(&wanted).await.contains("no current context: it knows one, plug"));
        wanted.context = Some("three".into());
        assert!(fails(&wanted).await.contains("no context three: it knows one, plug"));
        wanted.context = Some("one".into());
        let found = connect(&wanted).await.unwrap().unwrap();
        assert_eq!(
            (found.context.as_deref(), found.namespace.as_str(), found.cluster.as_str()),
            (Some("one"), "data", "c")
        );
    }

    #[tokio::test]
    async fn a_missing_plugin_is_told() {
        let (_dir, mut wanted) = written(TWO);
        wanted.context = Some("plug".into());
        let said = fails(&wanted).await;
        assert!(said.contains("could not be started"), "{said}");
    }

    #[tokio::test]
    async fn a_broken_file_is_told_without_its_content() {
        let (_dir, wanted) = written("users:\n- name: u\n  user:\n    token: CANARY\n  user: [\n");
        let said = fails(&wanted).await;
        assert!(said.contains("YAML") && !said.contains("CANARY"), "{said}");
        let missing = Wanted { kubeconfig: Some("/nonexistent/kubeconfig".into()), context: None };
        assert!(fails(&missing).await.contains("cannot be read"));
    }
}
