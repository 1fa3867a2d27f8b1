use serde::{Deserialize, Serialize};

/// `GET /v2/admin/perms/`: one who may do everything.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Administrator {
    pub username: String,
    pub is_superuser: bool,
}
