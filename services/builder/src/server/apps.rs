//! `AppService`: decode, call, encode.

use std::sync::Arc;

use deis_proto::builder::app_service_server::AppService;
use deis_proto::builder::{
    CancelBuildRequest, CancelBuildResponse, ClearCacheRequest, ClearCacheResponse, DeleteAppRequest, DeleteAppResponse,
};
use tonic::{Request, Response, Status};

use super::{name, refusal};
use crate::apps::Apps;

pub(super) struct AppRpc {
    pub(super) apps: Arc<Apps>,
}

#[tonic::async_trait]
impl AppService for AppRpc {
    async fn clear_cache(&self, request: Request<ClearCacheRequest>) -> Result<Response<ClearCacheResponse>, Status> {
        let app = name(&request.into_inner().app)?;
        let bytes = self.apps.clear_cache(&app).await.map_err(refusal)?;
        tracing::info!(%app, bytes, "build cache cleared");
        Ok(Response::new(ClearCacheResponse { bytes: i64::try_from(bytes).unwrap_or(i64::MAX) }))
    }

    async fn cancel_build(
        &self,
        request: Request<CancelBuildRequest>,
    ) -> Result<Response<CancelBuildResponse>, Status> {
        let CancelBuildRequest { app, username } = request.into_inner();
        let sha = self.apps.cancel_build(&name(&app)?, name(&username)?).await.map_err(refusal)?;
        tracing::info!(app, user = username, %sha, "build cancelled");
        Ok(Response::new(CancelBuildResponse { sha: sha.to_string() }))
    }

    async fn delete_app(&self, request: Request<DeleteAppRequest>) -> Result<Response<DeleteAppResponse>, Status> {
        let app = name(&request.into_inner().app)?;
        self.apps.delete(&app).await.map_err(refusal)?;
        tracing::info!(%app, "repository, cache and images deleted");
        Ok(Response::new(DeleteAppResponse {}))
    }
}
