//! One question and its answer: login, redirects, errors.

use berth_domain::Remote;
use berth_ports::UpstreamResult;
use http::StatusCode;
use reqwest::Response;

use crate::error;
use crate::redirect::{Answer, Ask};
use crate::token::Tokens;
use crate::transport::Transport;

/// What questions go through.
#[derive(Debug)]
pub(crate) struct Exchange {
    transport: Transport,
    tokens: Tokens,
}

impl Exchange {
    pub(crate) fn new(transport: Transport) -> Self {
        Self {
            transport,
            tokens: Tokens::default(),
        }
    }

    /// Asks, and answers with a success or an error.
    pub(crate) async fn ask(&self, remote: &Remote, ask: &Ask) -> UpstreamResult<Response> {
        let answer = self.ask_for_any(remote, ask).await?;
        if answer.response.status().is_success() {
            return Ok(answer.response);
        }
        Err(error::of_status(answer.response).await)
    }

    /// Asks, and answers with whatever comes. A 401 is answered once: by a
    /// first login, or by a renewed one.
    pub(crate) async fn ask_for_any(&self, remote: &Remote, ask: &Ask) -> UpstreamResult<Answer> {
        let known = self
            .tokens
            .known(&self.transport, remote, &ask.scope)
            .await?;
        let answer = self.transport.follow(remote, ask, known.as_ref()).await?;
        if answer.response.status() != StatusCode::UNAUTHORIZED || !answer.at_home {
            return Ok(answer);
        }
        let headers = answer.response.headers();
        let rejected = known.as_ref();
        let login = self
            .tokens
            .answer(&self.transport, remote, &ask.scope, headers, rejected)
            .await?;
        match login {
            Some(login) => self.transport.follow(remote, ask, Some(&login)).await,
            None => Ok(answer),
        }
    }
}
