//! Asks the API server what this identity may do. A review is created and answered in one go; nothing is stored.

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};

use super::port::Access;

/// The answer to one question.
pub(super) async fn allowed(client: Client, access: &Access) -> kube::Result<bool> {
    let (resource, sub) = access.resource.split_once('/').map_or((access.resource, None), |(r, s)| (r, Some(s)));
    let attributes = ResourceAttributes {
        group: Some(access.group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource: sub.map(str::to_owned),
        verb: Some(access.verb.to_owned()),
        namespace: Some(access.namespace.clone()),
        name: access.name.clone(),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(client);
    let answer = api.create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}
