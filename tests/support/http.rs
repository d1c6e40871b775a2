//! A client of the registry that sends exactly what a test says, and answers
//! with all that came back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth_oci::{Algorithm, Digest, Hasher};
use berth_testkit::image::{Content, Image, Index};
use bytes::Bytes;
use reqwest::{Body, Method};
use serde_json::Value;

/// A client with or without a login. It follows no redirects.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    base: String,
    http: reqwest::Client,
    authorization: Option<String>,
}

impl Client {
    /// A client of the server at a URL, which has no slash at its end.
    pub(crate) fn new(base: String) -> Self {
        let builder = reqwest::Client::builder().no_proxy();
        let http = builder
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            base,
            http,
            authorization: None,
        }
    }

    /// The client with Basic credentials.
    pub(crate) fn login(&self, name: &str, password: &str) -> Self {
        self.authorized(&Self::basic(name, password))
    }

    /// The `Authorization` header of a name and password.
    pub(crate) fn basic(name: &str, password: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
    }

    /// The client with this `Authorization` header.
    pub(crate) fn authorized(&self, authorization: &str) -> Self {
        Self {
            authorization: Some(authorization.to_owned()),
            ..self.clone()
        }
    }

    /// Starts a request. `path` may be a whole URL, as in a `Location`.
    pub(crate) fn request(&self, method: Method, path: &str) -> Request {
        let url = if path.starts_with("http") {
            path.into()
        } else {
            format!("{}{path}", self.base)
        };
        let request = Request(self.http.request(method, url));
        match &self.authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    }

    pub(crate) fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    pub(crate) fn head(&self, path: &str) -> Request {
        self.request(Method::HEAD, path)
    }

    pub(crate) fn post(&self, path: &str) -> Request {
        self.request(Method::POST, path)
    }

    pub(crate) fn put(&self, path: &str) -> Request {
        self.request(Method::PUT, path)
    }

    pub(crate) fn patch(&self, path: &str) -> Request {
        self.request(Method::PATCH, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Request {
        self.request(Method::DELETE, path)
    }

    /// Starts an upload; answers its location.
    pub(crate) async fn start_upload(&self, repository: &str) -> String {
        let path = format!("/v2/{repository}/blobs/uploads/");
        self.post(&path).send().await.expect(202).location()
    }

    /// Pushes a blob by one POST; answers its digest.
    pub(crate) async fn push_blob(&self, repository: &str, bytes: impl Into<Bytes>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::sha256(&bytes);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        self.post(&path).body(bytes).send().await.expect(201);
        digest
    }

    /// Pushes a manifest as `reference`.
    pub(crate) async fn push_manifest(
        &self,
        repository: &str,
        reference: &str,
        manifest: &Content,
    ) -> Answer {
        self.put(&format!("/v2/{repository}/manifests/{reference}"))
            .header("content-type", &manifest.media_type)
            .body(manifest.bytes.clone())
            .send()
            .await
    }

    /// Pushes an image's blobs.
    pub(crate) async fn push_blobs(&self, repository: &str, image: &Image) {
        for blob in image.blobs() {
            self.push_blob(repository, blob.bytes.clone()).await;
        }
    }

    /// Pushes an image as `reference`.
    pub(crate) async fn push_image(&self, repository: &str, reference: &str, image: &Image) {
        self.push_blobs(repository, image).await;
        self.push_manifest(repository, reference, &image.manifest)
            .await
            .expect(201);
    }

    /// Pushes an index's images by digest, then itself as `reference`.
    pub(crate) async fn push_index(&self, repository: &str, reference: &str, index: &Index) {
        for image in &index.images {
            self.push_image(repository, &image.digest().to_string(), image)
                .await;
        }
        self.push_manifest(repository, reference, &index.manifest)
            .await
            .expect(201);
    }

    /// Makes a project.
    pub(crate) async fn create_project(&self, name: &str, public: bool) {
        let body = serde_json::json!({
            "project_name": name,
            "metadata": { "public": public.to_string() },
        });
        self.post("/api/v2.0/projects")
            .json(&body)
            .send()
            .await
            .expect(201);
    }

    /// Makes a user; answers a client that is logged in as it.
    pub(crate) async fn create_user(&self, name: &str, password: &str) -> Self {
        let body = serde_json::json!({
            "username": name,
            "email": format!("{name}@example.com"),
            "realname": name,
            "password": password,
        });
        self.post("/api/v2.0/users")
            .json(&body)
            .send()
            .await
            .expect(201);
        self.login(name, password)
    }
}

/// A request to be sent.
#[derive(Debug)]
pub(crate) struct Request(reqwest::RequestBuilder);

impl Request {
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub(crate) fn body(self, body: impl Into<Body>) -> Self {
        Self(self.0.body(body))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        Self(self.0.json(body))
    }

    /// Sends it and reads the whole answer.
    pub(crate) async fn send(self) -> Answer {
        self.try_send().await.unwrap()
    }

    /// Sends it and hashes the answer's body, of whatever size.
    pub(crate) async fn digest(self) -> Digest {
        let mut response = self.0.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let mut hasher = Hasher::new(Algorithm::Sha256);
        while let Some(bytes) = response.chunk().await.unwrap() {
            hasher.update(&bytes);
        }
        hasher.finish()
    }

    /// Sends it, reads something of the answer's body, and hangs up.
    pub(crate) async fn first_piece(self) -> Bytes {
        let mut response = self.0.send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.chunk().await.unwrap().unwrap_or_default()
    }

    /// Sends it, reads something of the answer's body, lets something happen,
    /// and reads on: what came, and whether it came to its end.
    pub(crate) async fn interrupted(
        self,
        by: impl AsyncFnOnce(),
    ) -> (Vec<u8>, reqwest::Result<()>) {
        let mut response = self.0.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let mut came = response.chunk().await.unwrap().unwrap_or_default().to_vec();
        by().await;
        loop {
            match response.chunk().await {
                Ok(Some(bytes)) => came.extend(bytes),
                Ok(None) => return (came, Ok(())),
                Err(error) => return (came, Err(error)),
            }
        }
    }

    /// As [`Request::send`], where the server may not be there, or hang up.
    pub(crate) async fn try_send(self) -> reqwest::Result<Answer> {
        let (client, request) = self.0.build_split();
        let request = request?;
        let what = format!("{} {}", request.method(), request.url());
        let response = client.execute(request).await?;
        Ok(Answer {
            what,
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await?,
        })
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    what: String,
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The answer, if it has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.what, self.text());
        self
    }

    /// The answer, if it is an error with this status and code.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.code(), code, "{}: {}", answer.what, answer.text());
        answer
    }

    /// A header; the last of several, empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get_all(name).iter().next_back();
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// All values of a header, also those in lists.
    pub(crate) fn listed(&self, name: &str) -> Vec<String> {
        let values = self
            .headers
            .get_all(name)
            .iter()
            .map(|value| value.to_str().unwrap());
        values
            .flat_map(|value| value.split(','))
            .map(|value| value.trim().to_owned())
            .collect()
    }

    /// The `Location`, which must be there.
    #[track_caller]
    pub(crate) fn location(&self) -> String {
        let location = self.header("location");
        assert!(!location.is_empty(), "{}: no location", self.what);
        location.to_owned()
    }

    /// The target of the `Link` header, whose relation must be `next`.
    #[track_caller]
    pub(crate) fn next(&self) -> Option<String> {
        let link = self.headers.get("link")?.to_str().unwrap();
        let link = link
            .strip_prefix('<')
            .and_then(|link| link.strip_suffix(">; rel=\"next\""));
        Some(
            link.unwrap_or_else(|| panic!("{}: the link is {}", self.what, self.header("link")))
                .to_owned(),
        )
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body)
            .chars()
            .take(1000)
            .collect()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let parsed = serde_json::from_slice(&self.body);
        parsed.unwrap_or_else(|error| panic!("{}: {error}: {}", self.what, self.text()))
    }

    /// The code of the first error of the envelope; empty if there is none.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        self.json()["errors"][0]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

/// A location with one more query parameter, whether or not it has any.
pub(crate) fn with_query(location: &str, parameter: &str) -> String {
    let separator = if location.contains('?') { '&' } else { '?' };
    format!("{location}{separator}{parameter}")
}
