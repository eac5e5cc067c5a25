//! Which Secret reaches which container, and how: that decides what the container sees when the Secret changes.

use k8s_openapi::api::core::v1::{Container, PodSpec, Volume};

use crate::app::model::unsealer::{SecretUse, UseHow};
use crate::app::text::clean;

/// Every container that lives as long as the pod: the containers, and init containers that restart (native sidecars).
pub fn lasting(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    let sidecars = spec.init_containers.iter().flatten().filter(|c| c.restart_policy.as_deref() == Some("Always"));
    spec.containers.iter().chain(sidecars)
}

/// The Secrets that a container consumes, each way once.
pub fn uses(spec: &PodSpec, container: &Container) -> Vec<SecretUse> {
    let mut found = Vec::new();
    for mount in container.volume_mounts.iter().flatten() {
        let Some(volume) = volume(spec, &mount.name) else { continue };
        let sub_path = mount.sub_path.is_some() || mount.sub_path_expr.is_some();
        for source in sources(volume) {
            let how = match (sub_path, source.fields.is_empty()) {
                (true, _) => UseHow::SubPath,
                (false, true) => UseHow::Volume,
                (false, false) => UseHow::Items,
            };
            let fields = source.fields.into_iter().map(|(key, _)| clean(&key)).collect();
            found.push(SecretUse { secret: clean(&source.secret), how, optional: source.optional, fields });
        }
    }
    for variable in container.env.iter().flatten() {
        let Some(key) = variable.value_from.as_ref().and_then(|from| from.secret_key_ref.as_ref()) else { continue };
        found.push(SecretUse {
            secret: clean(&key.name),
            how: UseHow::Env,
            optional: key.optional.unwrap_or(false),
            fields: vec![clean(&key.key)],
        });
    }
    for source in container.env_from.iter().flatten().filter_map(|from| from.secret_ref.as_ref()) {
        found.push(SecretUse {
            secret: clean(&source.name),
            how: UseHow::Env,
            optional: source.optional.unwrap_or(false),
            fields: Vec::new(),
        });
    }
    let mut once: Vec<SecretUse> = Vec::new();
    for used in found {
        if !once.contains(&used) {
            once.push(used);
        }
    }
    once
}

/// The Secret behind a path inside a container, with the field it shows.
pub fn behind_path(spec: &PodSpec, container: &Container, path: &str) -> Option<(SecretUse, Option<String>)> {
    let mount = container
        .volume_mounts
        .iter()
        .flatten()
        .filter(|mount| below(path, &mount.mount_path).is_some())
        .max_by_key(|mount| mount.mount_path.len())?;
    let rest = below(path, &mount.mount_path)?;
    let sub_path = mount.sub_path.as_deref();
    // With subPath the mount point itself is the file (or folder) of that name.
    let inside = match (sub_path, rest) {
        (Some(sub), "") => sub.to_owned(),
        (Some(sub), rest) => format!("{sub}/{rest}"),
        (None, rest) => rest.to_owned(),
    };
    let sources = sources(volume(spec, &mount.name)?);
    let whole = sources.len() == 1;
    sources.into_iter().find_map(|source| {
        let field = match source.fields.iter().find(|(_, path)| *path == inside) {
            Some((key, _)) => key.clone(),
            None if source.fields.is_empty() && (whole || !inside.is_empty()) => inside.clone(),
            None => return None,
        };
        let how = match (sub_path.is_some(), source.fields.is_empty()) {
            (true, _) => UseHow::SubPath,
            (false, true) => UseHow::Volume,
            (false, false) => UseHow::Items,
        };
        let field = (!field.is_empty()).then_some(field);
        let fields = field.iter().map(|field| clean(field)).collect();
        Some((SecretUse { secret: clean(&source.secret), how, optional: source.optional, fields }, field))
    })
}

/// ConfigMaps mounted into a container, with the fields selected (all where empty).
pub fn config_maps(spec: &PodSpec, container: &Container) -> Vec<String> {
    let mut names: Vec<String> = container
        .volume_mounts
        .iter()
        .flatten()
        .filter_map(|mount| volume(spec, &mount.name)?.config_map.as_ref())
        .map(|source| source.name.clone())
        .collect();
    names.sort();
    names.dedup();
    names
}

struct Source {
    secret: String,
    optional: bool,
    /// Key in the Secret and path under the mount; empty means all keys under their own names.
    fields: Vec<(String, String)>,
}

fn volume<'a>(spec: &'a PodSpec, name: &str) -> Option<&'a Volume> {
    spec.volumes.iter().flatten().find(|volume| volume.name == name)
}

fn sources(volume: &Volume) -> Vec<Source> {
    let fields = |items: Option<&Vec<k8s_openapi::api::core::v1::KeyToPath>>| {
        items.into_iter().flatten().map(|item| (item.key.clone(), item.path.clone())).collect()
    };
    let mut found = Vec::new();
    if let Some(secret) = &volume.secret {
        found.push(Source {
            secret: secret.secret_name.clone().unwrap_or_default(),
            optional: secret.optional.unwrap_or(false),
            fields: fields(secret.items.as_ref()),
        });
    }
    let projected = volume.projected.iter().filter_map(|projected| projected.sources.as_ref()).flatten();
    for secret in projected.filter_map(|projection| projection.secret.as_ref()) {
        found.push(Source {
            secret: secret.name.clone(),
            optional: secret.optional.unwrap_or(false),
            fields: fields(secret.items.as_ref()),
        });
    }
    found
}

/// The part of `path` below the folder `mount`; empty where they are the same.
fn below<'a>(path: &'a str, mount: &str) -> Option<&'a str> {
    let mount = mount.trim_end_matches('/');
    let rest = path.strip_prefix(mount)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec() -> PodSpec {
        serde_json::from_value(json!({
            "volumes": [
                {"name": "all", "secret": {"secretName": "keys"}},
                {"name": "some", "secret": {"secretName": "keys", "optional": true, "items": [{"key": "key", "path": "unseal"}]}},
                {"name": "mix", "projected": {"sources": [{"secret": {"name": "tls", "items": [{"key": "ca.crt", "path": "ca.pem"}]}}]}},
                {"name": "conf", "configMap": {"name": "openbao-config"}},
            ],
            "initContainers": [{"name": "once"}, {"name": "native", "restartPolicy": "Always"}],
            "containers": [{"name": "openbao",
                "volumeMounts": [
                    {"name": "all", "mountPath": "/keys"}, {"name": "some", "mountPath": "/some"},
                    {"name": "all", "mountPath": "/one/key", "subPath": "key"}, {"name": "mix", "mountPath": "/tls/"},
                    {"name": "conf", "mountPath": "/openbao/config"}],
                "env": [{"name": "K", "valueFrom": {"secretKeyRef": {"name": "env", "key": "k"}}}],
                "envFrom": [{"secretRef": {"name": "whole", "optional": true}}]}]
        }))
        .unwrap()
    }

    #[test]
    fn every_way_of_consuming_is_told_apart() {
        let spec = spec();
        let found: Vec<_> = uses(&spec, &spec.containers[0])
            .into_iter()
            .map(|used| (used.secret, used.how, used.optional, used.fields.len()))
            .collect();
        assert_eq!(
            found,
            [
                ("keys".into(), UseHow::Volume, false, 0),
                ("keys".into(), UseHow::Items, true, 1),
                ("keys".into(), UseHow::SubPath, false, 0),
                ("tls".into(), UseHow::Items, false, 1),
                ("env".into(), UseHow::Env, false, 1),
                ("whole".into(), UseHow::Env, true, 0),
            ]
        );
        assert_eq!(lasting(&spec).map(|c| c.name.as_str()).collect::<Vec<_>>(), ["openbao", "native"]);
        assert_eq!(config_maps(&spec, &spec.containers[0]), ["openbao-config"]);
    }

    #[test]
    fn a_path_leads_to_its_secret_and_field() {
        let spec = spec();
        let field = |path| behind_path(&spec, &spec.containers[0], path).map(|(used, field)| (used.secret, field));
        assert_eq!(field("/keys/seal"), Some(("keys".into(), Some("seal".into()))));
        assert_eq!(field("/some/unseal"), Some(("keys".into(), Some("key".into()))));
        assert_eq!(field("/one/key"), Some(("keys".into(), Some("key".into()))));
        assert_eq!(field("/tls/ca.pem"), Some(("tls".into(), Some("ca.crt".into()))));
        assert_eq!(field("/keysake/x"), None);
        assert_eq!(field("/openbao/config/x.hcl"), None);
    }
}
