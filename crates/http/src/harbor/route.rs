//! What a route is.

use std::future::Future;
use std::pin::Pin;

use axum::response::Response;
use axum::routing::MethodFilter;
use berth_domain::Rule;

use super::Result;
use super::call::Call;

/// The answer of a handler, on its way.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Response>> + Send>>;

/// The methods that Harbor's API uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Head,
    Post,
    Put,
    Delete,
}

impl Verb {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    pub(super) const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Head => MethodFilter::HEAD,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Delete => MethodFilter::DELETE,
        }
    }

    /// Whether a body is read.
    pub(super) const fn has_body(self) -> bool {
        matches!(self, Self::Post | Self::Put)
    }
}

/// One operation: who may call it, and what answers.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) verb: Verb,
    /// The path as the swagger has it, with its base path.
    pub(crate) path: &'static str,
    pub(crate) rule: Rule,
    pub(super) handler: fn(Call) -> Answer,
}

/// `route!(Get "/users", Rule::Sysadmin, list)`: a [`Route`] under the API's
/// base path.
macro_rules! route {
    ($verb:ident $path:literal, $rule:expr, $handler:path) => {
        $crate::harbor::route::Route {
            verb: $crate::harbor::route::Verb::$verb,
            path: concat!("/api/v2.0", $path),
            rule: $rule,
            handler: |call| Box::pin($handler(call)),
        }
    };
}

pub(super) use route;
