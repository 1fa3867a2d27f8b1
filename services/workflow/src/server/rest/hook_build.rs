use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use deis_api::AppName;
use serde::{Deserialize, Serialize};

use super::body::Object;
use super::error::ApiError;
use super::openapi::{OfBody, OfBuilder, OfChange, OwnKey};
use super::outside_builder::OutsideBuilder;
use super::pull::procfile;
use super::request_key;
use crate::error::Error;
use crate::releases::{self, MissingProcfile, PullRequest};
use crate::server::{Wait, Workflow};

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = OutsideBuild)]
struct Body {
    receive_user: String,
    receive_repo: String,
    sha: String,
    image: String,
    procfile: Option<BTreeMap<String, Option<String>>>,
    dockerfile: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = OutsideBuildReleased)]
pub(super) struct Answer {
    release: Release,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = OutsideBuildRelease)]
struct Release {
    version: i64,
}

/// `POST /v2/hooks/build/`: copies what an outside builder has built, releases it in the name of who pushed, deploys, and answers when
/// that is done.
#[utoipa::path(
    post, path = "/v2/hooks/build/", operation_id = "hooks_build",
    params(OwnKey), request_body = Body, security(("builder" = [])),
    responses((status = 200, body = Answer), OfBody, OfChange, OfBuilder)
)]
pub(super) async fn create(
    State(workflow): State<Workflow>,
    builder: OutsideBuilder,
    headers: HeaderMap,
    body: Object,
) -> Result<Json<Answer>, ApiError> {
    let body: Body = body.decode(&["receive_user", "receive_repo", "sha", "image"])?;
    let (user, app) = builder.pushes(workflow.ledger.as_ref(), &body.receive_user, &body.receive_repo).await?;
    let request = request(&app.id, body, workflow.missing_procfile)?;
    let key = request_key(&headers)?;
    let (user, id, work) = (user.username, app.id.clone(), workflow.clone());
    let record = async move {
        let (ledger, deployer) = (work.ledger.as_ref(), &work.deployer);
        releases::pull(ledger, deployer, work.builder.as_ref(), &user, &id, &key, request).await
    };
    let released = workflow.release("release an outside build", Wait::ToTheEnd, &app.id, record).await?;
    Ok(Json(Answer { release: Release { version: released.release.version.get() } }))
}

fn request(app: &AppName, body: Body, missing_procfile: MissingProcfile) -> Result<PullRequest, Error> {
    let sha = body.sha.trim().parse().map_err(Error::name("sha"))?;
    let image = body.image.trim().to_owned();
    // Not what it would mean to `deis pull`: that would be an image of Docker's of the same name, which is somebody else's.
    let is_slug = image.ends_with(".tgz");
    if is_slug || !image.contains('/') {
        let message = format!(
            "The image must be one that can be pulled, such as registry.example.com/{app}:git-{sha}: slugs do not run here, and into \
             the platform's registry nobody writes but its own builder."
        );
        return Err(Error::field("image", message));
    }
    let dockerfile = body.dockerfile.unwrap_or_default();
    if dockerfile.contains('\0') {
        return Err(Error::field("dockerfile", "Null characters are not allowed."));
    }
    let procfile = procfile(body.procfile.unwrap_or_default())?;
    Ok(PullRequest { image, procfile, sha: Some(sha), dockerfile, missing_procfile })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_builders_of_the_original_send() {
        let app = "shop".parse().unwrap();
        let asked = |image: &str, sha: &str| {
            let body = Body {
                receive_user: "bob".to_owned(),
                receive_repo: "shop".to_owned(),
                sha: sha.to_owned(),
                image: image.to_owned(),
                procfile: Some([("web".to_owned(), Some("./serve".to_owned()))].into()),
                dockerfile: Some("true".to_owned()),
            };
            request(&app, body, MissingProcfile::default())
                .map(|request| format!("{} {}", request.image, request.sha.unwrap()))
                .map_err(|error| error.to_string())
        };
        assert_eq!(asked("bob/shop:git-acaa8a5f", "acaa8a5f").unwrap(), "bob/shop:git-acaa8a5f acaa8a5f");
        for image in ["shop", "shop:git-acaa8a5f", "home/shop:git-acaa8a5f/push/slug.tgz"] {
            let error = asked(image, "acaa8a5f").unwrap_err();
            assert!(error.contains("such as registry.example.com/shop:git-acaa8a5f"), "{error}");
        }
        let error = asked("bob/shop", "acaa8a5").unwrap_err();
        assert_eq!(error, "A commit id is 8 to 40 lower-case hexadecimal digits");
    }
}
