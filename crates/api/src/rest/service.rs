use serde::{Deserialize, Serialize};

/// Paths of an app that are a process type's.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Service {
    pub procfile_type: String,
    /// Regular expressions that match from a path's beginning, separated by commas.
    pub path_pattern: String,
}

/// `GET /v2/apps/{id}/services/`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Services {
    pub services: Vec<Service>,
}

/// `DELETE /v2/apps/{id}/services/`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServiceRemoval {
    pub procfile_type: String,
}
