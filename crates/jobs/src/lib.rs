//! One handler per kind of job, each a call into the service
