//! helm with a chart to move.

use super::home::{CommandLine, Home, Outcome};
use super::login::Login;
use super::programs;

/// helm, and the package of a chart `chart` of version 0.1.0.
#[derive(Debug)]
pub(crate) struct Helm(Home);

impl Helm {
    /// Makes the chart; `None` where helm is not on this machine.
    pub(crate) async fn start() -> Option<Self> {
        programs::require("helm")?;
        let helm = Self(Home::new());
        helm.program("create chart").succeeds().await;
        helm.program("package chart").succeeds().await;
        std::fs::create_dir(helm.0.join("pulled")).unwrap();
        Some(helm)
    }

    /// Logs in.
    pub(crate) async fn log_in(&self, registry: &str, login: Login<'_>) -> Outcome {
        let line = "helm registry login --plain-http";
        self.0.log_in(line, registry, login).await
    }

    /// Pushes the chart into a folder of charts.
    pub(crate) async fn push(&self, charts: &str) {
        let push = self.program("push --plain-http chart-0.1.0.tgz");
        push.arg(format!("oci://{charts}")).succeeds().await;
    }

    /// Pulls the chart from a folder of charts, and asserts that it is the one
    /// that was made here.
    pub(crate) async fn pull(&self, charts: &str) {
        let pull = self.program("pull --plain-http --version 0.1.0 --destination pulled");
        pull.arg(format!("oci://{charts}/chart")).succeeds().await;
        let read = |path: &str| std::fs::read(self.0.join(path)).unwrap();
        assert_eq!(read("pulled/chart-0.1.0.tgz"), read("chart-0.1.0.tgz"));
        std::fs::remove_file(self.0.join("pulled/chart-0.1.0.tgz")).unwrap();
    }

    fn program(&self, line: &str) -> CommandLine {
        self.0.program("helm").line(line)
    }
}
