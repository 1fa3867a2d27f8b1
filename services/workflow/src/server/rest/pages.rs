use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use deis_api::rest::{DEFAULT_LIMIT, Page};

use crate::ledger::{Listed, Window};

/// The longest page.
const MAX_LIMIT: i64 = 10_000;

/// Which page of a list is asked for, and under which address. What cannot be read counts as not given.
pub(super) struct Paging {
    /// The part of the list.
    pub(super) window: Window,
    address: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        let number = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse::<i64>().ok())
        };
        let limit = number("limit").filter(|limit| *limit > 0).unwrap_or(DEFAULT_LIMIT.into()).min(MAX_LIMIT);
        let offset = number("offset").filter(|offset| *offset >= 0).unwrap_or(0);
        let address = format!("{}{}", origin(&parts.headers), parts.uri.path());
        Ok(Self { window: Window { limit, offset }, address })
    }
}

impl Paging {
    /// The page, with the addresses of its neighbours.
    pub(super) fn page<T, U>(&self, listed: Listed<T>, convert: impl FnMut(T) -> U) -> Page<U> {
        let Window { limit, offset } = self.window;
        let at = |offset: i64| format!("{}?limit={limit}&offset={offset}", self.address);
        let after = offset.saturating_add(limit);
        Page {
            count: listed.total.unsigned_abs(),
            next: (after < listed.total).then(|| at(after)),
            previous: (offset > 0).then(|| at(offset.saturating_sub(limit).max(0))),
            results: listed.items.into_iter().map(convert).collect(),
        }
    }
}

fn origin(headers: &HeaderMap) -> String {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme =
        if text(header::HeaderName::from_static("x-forwarded-proto")) == Some("https") { "https" } else { "http" };
    format!("{scheme}://{}", text(header::HOST).unwrap_or("localhost"))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn paging(query: &str) -> Paging {
        let request = Request::builder().uri(format!("/v2/apps/{query}")).header("host", "deis.example.com");
        let (mut parts, ()) = request.header("x-forwarded-proto", "https").body(()).unwrap().into_parts();
        let Ok(paging) = Paging::from_request_parts(&mut parts, &()).await;
        paging
    }

    #[tokio::test]
    async fn neighbours_have_absolute_addresses() {
        let paging = paging("?limit=2&offset=1").await;
        let page = paging.page(Listed { total: 4, items: vec![1, 2] }, |item| item);
        assert_eq!(page.next.as_deref(), Some("https://deis.example.com/v2/apps/?limit=2&offset=3"));
        assert_eq!(page.previous.as_deref(), Some("https://deis.example.com/v2/apps/?limit=2&offset=0"));
        assert_eq!(page.count, 4);
    }

    #[tokio::test]
    async fn odd_queries_mean_the_default() {
        for query in ["", "?limit=0", "?limit=-1&offset=-5", "?limit=many", "?&&=", "?limit"] {
            assert_eq!(paging(query).await.window, Window { limit: 100, offset: 0 }, "{query}");
        }
        assert_eq!(paging("?limit=9999999").await.window.limit, MAX_LIMIT);
    }
}
