//! Metrics in Prometheus's text format, on a listener of their own.

use std::fs;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::routing::get;
use berth_settings::Settings;
use http::header::CONTENT_TYPE;
use metrics::{describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::interval;

use super::stop::Stop;

/// Prometheus's text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper ends of durations in seconds: from a metadata read to a long blob.
const SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0,
];

/// How often samples are folded into their buckets, scraped or not.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts to count if `/metrics` is to be served, and returns its route.
pub(crate) fn start(settings: &Settings, stop: &Stop) -> Result<Option<Router>> {
    if settings.metrics_listen.is_none() {
        return Ok(None);
    }
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).context("metrics are recorded elsewhere already")?;
    describe();
    tokio::spawn(upkeep(handle.clone(), stop.clone()));
    let render = async move || ([(CONTENT_TYPE, TEXT_FORMAT)], render(&handle));
    Ok(Some(Router::new().route("/metrics", get(render))))
}

fn describe() {
    describe_counter!(
        "http_requests_total",
        "Requests answered, by route and status"
    );
    describe_histogram!(
        "http_request_duration_seconds",
        "Time to the beginning of the response"
    );
    describe_gauge!("http_connections", "Connections that are open");
    describe_counter!("jobs_total", "Jobs tried, by kind and outcome");
    describe_histogram!("job_duration_seconds", "Time that a job took, by kind");
    describe_gauge!("jobs_dead", "Jobs that were given up, up to 1,000");
    describe_gauge!("berth_build_info", "Always 1, with the version");
    describe_gauge!(
        "process_start_time_seconds",
        "When the process started, in seconds since 1970"
    );
    describe_gauge!("process_resident_memory_bytes", "Memory in use");
    describe_gauge!("process_open_fds", "Open file descriptors");
    gauge!("berth_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    gauge!("process_start_time_seconds").set(now.as_secs_f64());
}

async fn upkeep(handle: PrometheusHandle, stop: Stop) {
    let mut ticks = interval(UPKEEP);
    while !stop.is_requested() {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

fn render(handle: &PrometheusHandle) -> String {
    // Where there is no /proc, these stay away.
    if let Some(bytes) = resident_bytes() {
        gauge!("process_resident_memory_bytes").set(bytes);
    }
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        gauge!("process_open_fds").set(u32::try_from(entries.count()).unwrap_or(u32::MAX));
    }
    handle.render()
}

fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u32 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(f64::from(kilobytes) * 1024.0)
}
