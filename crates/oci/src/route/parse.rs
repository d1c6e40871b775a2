//! From method, path and query to a route.

use http::Method;
use percent_encoding::percent_decode_str;

use super::query::Query;
use super::{MAX_PATH_BYTES, OciRequest, OciRoute, ReadOperation, RouteError};
use crate::name::{NameError, Reference, ReferenceError, RepositoryName};

impl OciRequest {
    /// Parses a request whose `path`, as it came, begins with `/v2`.
    ///
    /// The path is percent-decoded once, and the query once with `+` as space;
    /// parameters not known are ignored. `HEAD` is as good as `GET` where only
    /// `GET` is defined.
    pub fn parse(method: &Method, path: &str, query: Option<&str>) -> Result<Self, RouteError> {
        if path.len() > MAX_PATH_BYTES {
            return Err(RouteError::PathTooLong);
        }
        let path = percent_decode_str(path)
            .decode_utf8()
            .map_err(|_| RouteError::Name(NameError::Repository))?;
        let endpoint = Endpoint::find(&path).ok_or(RouteError::NotFound)?;
        let query = Query::parse(query)?;
        let route = endpoint.route(method, &query)?;
        Ok(Self {
            route,
            ns: query.ns()?,
        })
    }
}

impl OciRoute {
    /// The route of [`OciRequest::parse`] alone.
    pub fn parse(method: &Method, path: &str, query: Option<&str>) -> Result<Self, RouteError> {
        OciRequest::parse(method, path, query).map(|request| request.route)
    }
}

/// What a path addresses, its parts not looked into yet.
enum Endpoint<'a> {
    Base,
    Catalog,
    TagList { name: &'a str },
    Manifest { name: &'a str, reference: &'a str },
    Blob { name: &'a str, digest: &'a str },
    Uploads { name: &'a str },
    Upload { name: &'a str, id: &'a str },
    Referrers { name: &'a str, digest: &'a str },
}

impl<'a> Endpoint<'a> {
    /// Reads from the right, since a name can hold anything that an endpoint's
    /// words are, as in `/v2/a/tags/list/manifests/latest`.
    fn find(path: &'a str) -> Option<Self> {
        let path = match path.strip_prefix("/v2")? {
            "" | "/" => return Some(Self::Base),
            "/_catalog" => return Some(Self::Catalog),
            path => path.strip_prefix('/')?,
        };
        let (front, last) = path.rsplit_once('/')?;
        if last.is_empty() {
            return Some(Self::Uploads {
                name: front.strip_suffix("/blobs/uploads")?,
            });
        }
        let (name, word) = front.rsplit_once('/')?;
        match (word, last) {
            ("tags", "list") => Some(Self::TagList { name }),
            ("manifests", reference) => Some(Self::Manifest { name, reference }),
            ("blobs", "uploads") => Some(Self::Uploads { name }),
            ("blobs", digest) => Some(Self::Blob { name, digest }),
            ("uploads", id) => Some(Self::Upload {
                name: name.strip_suffix("/blobs")?,
                id,
            }),
            ("referrers", digest) => Some(Self::Referrers { name, digest }),
            _ => None,
        }
    }

    fn route(self, method: &Method, query: &Query<'_>) -> Result<OciRoute, RouteError> {
        match self {
            Self::Base => read_only(method).map(|()| OciRoute::Base),
            Self::Catalog => {
                read_only(method)?;
                Ok(OciRoute::Catalog {
                    page: query.page()?,
                })
            }
            Self::TagList { name } => {
                read_only(method)?;
                Ok(OciRoute::TagList {
                    name: repository(name)?,
                    page: query.page()?,
                })
            }
            Self::Referrers { name, digest } => {
                read_only(method)?;
                Ok(OciRoute::Referrers {
                    name: repository(name)?,
                    digest: digest.parse()?,
                    artifact_type: query.artifact_type(),
                    page: query.page()?,
                })
            }
            Self::Manifest { name, reference } => manifest(method, name, reference, query),
            Self::Blob { name, digest } => blob(method, name, digest),
            Self::Uploads { name } => upload_start(method, name, query),
            Self::Upload { name, id } => upload(method, name, id, query),
        }
    }
}

fn read_operation(method: &Method) -> Option<ReadOperation> {
    match *method {
        Method::GET => Some(ReadOperation::Get),
        Method::HEAD => Some(ReadOperation::Head),
        _ => None,
    }
}

fn read_only(method: &Method) -> Result<(), RouteError> {
    match read_operation(method) {
        Some(_) => Ok(()),
        None => Err(RouteError::MethodNotAllowed { allow: "GET, HEAD" }),
    }
}

fn repository(name: &str) -> Result<RepositoryName, RouteError> {
    name.parse().map_err(RouteError::Name)
}

fn manifest(
    method: &Method,
    name: &str,
    reference: &str,
    query: &Query<'_>,
) -> Result<OciRoute, RouteError> {
    let op = read_operation(method);
    if op.is_none() && !matches!(*method, Method::PUT | Method::DELETE) {
        return Err(RouteError::MethodNotAllowed {
            allow: "GET, HEAD, PUT, DELETE",
        });
    }
    let name = repository(name)?;
    let reference: Reference = reference.parse().map_err(|error| match error {
        ReferenceError::Digest(error) => RouteError::Digest(error),
        ReferenceError::Tag(error) if *method == Method::PUT => RouteError::Tag(error),
        // A tag that cannot exist does not: a 404 to the spec's 1.1 conformance.
        ReferenceError::Tag(error) => RouteError::NoSuchTag(error),
    })?;
    if let Some(op) = op {
        return Ok(OciRoute::Manifest {
            name,
            reference,
            op,
        });
    }
    if *method == Method::DELETE {
        return Ok(OciRoute::ManifestDelete { name, reference });
    }
    let tags = query.tags()?;
    if !tags.is_empty() && matches!(reference, Reference::Tag(_)) {
        return Err(RouteError::TagsWithoutDigest);
    }
    Ok(OciRoute::ManifestPut {
        name,
        reference,
        tags,
    })
}

fn blob(method: &Method, name: &str, digest: &str) -> Result<OciRoute, RouteError> {
    let op = read_operation(method);
    if op.is_none() && *method != Method::DELETE {
        return Err(RouteError::MethodNotAllowed {
            allow: "GET, HEAD, DELETE",
        });
    }
    let name = repository(name)?;
    let digest = digest.parse()?;
    Ok(match op {
        Some(op) => OciRoute::Blob { name, digest, op },
        None => OciRoute::BlobDelete { name, digest },
    })
}

fn upload_start(method: &Method, name: &str, query: &Query<'_>) -> Result<OciRoute, RouteError> {
    if *method != Method::POST {
        return Err(RouteError::MethodNotAllowed { allow: "POST" });
    }
    Ok(OciRoute::UploadStart {
        name: repository(name)?,
        mount: query.digest("mount")?,
        from: query.from()?,
        digest: query.digest("digest")?,
        algorithm: query.algorithm()?,
    })
}

fn upload(
    method: &Method,
    name: &str,
    id: &str,
    query: &Query<'_>,
) -> Result<OciRoute, RouteError> {
    let known = [Method::PATCH, Method::PUT, Method::DELETE].contains(method);
    if !known && read_operation(method).is_none() {
        return Err(RouteError::MethodNotAllowed {
            allow: "GET, HEAD, PATCH, PUT, DELETE",
        });
    }
    let name = repository(name)?;
    let id = upload_id(id)?;
    let epoch = query.epoch()?;
    Ok(match *method {
        Method::PATCH => OciRoute::UploadPatch { name, id, epoch },
        Method::PUT => {
            let digest = query.digest("digest")?.ok_or(RouteError::DigestMissing)?;
            OciRoute::UploadPut {
                name,
                id,
                epoch,
                digest,
            }
        }
        Method::DELETE => OciRoute::UploadCancel { name, id, epoch },
        _ => OciRoute::UploadStatus { name, id, epoch },
    })
}

fn upload_id(id: &str) -> Result<String, RouteError> {
    let valid = (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte));
    if valid {
        Ok(id.to_owned())
    } else {
        Err(RouteError::NoSuchUpload)
    }
}
